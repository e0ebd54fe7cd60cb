import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from '../../../db/pool.ts';
import { EvenkeelError } from '../../../errors.ts';
import type { Log } from '../../../log.ts';
import { Service } from '../../../service.ts';
import type { Capture, Position, Sink, Watched } from '../capture.ts';
import { type Memory, recall, remember } from './memory.ts';
import { Decoder } from './pgoutput.ts';
import { type Publication, type Refusals, align, publicationName } from './publication.ts';
import { type Slot, busy, createSlot, dropSlot, findSlots } from './slot.ts';
import { Stream } from './stream.ts';
import { Teller } from './teller.ts';
import { type Moment, moment, parseLsn } from './moment.ts';

export interface SlotMeans {
  /** For the catalog; may lead through a pooler. */
  readonly pool: Pool;
  /** Leads past any pooler, as a role that may replicate. */
  readonly url: string;
  readonly log: Log;
  /** A slot that holds back more bytes of WAL is given up. */
  readonly maxLag: number;
}

/** How often the catalog and the slot are looked at; ms. */
const lookMs = 1_000;
/** A connection that has just ended holds its slot a little longer; ms. */
const releaseMs = 2_000;

/**
 * Changes from a replication slot.
 *
 * The slot remembers what was acknowledged, the server keeps the rest: whatever dies, the next to start is told again all
 * that was not acknowledged. What the stream can't tell (a slot made anew, a table that joins, a rewrite, a partition that
 * comes or goes) is told aside, as `gap` or `all`; until that is acknowledged too, neither does the slot move nor is it
 * remembered as one that tells everything.
 */
export class SlotCapture implements Capture {
  readonly kind = 'slot';
  readonly ended: Promise<never>;
  readonly #means: SlotMeans;
  readonly #stream: Stream;
  readonly #service: Service;
  #teller: Teller | undefined;
  #sink: Sink | undefined;
  #watched: readonly Watched[] = [];
  #slot: Slot | undefined;
  #publication = '';
  readonly #refusals: Refusals = new Map();
  #unpublished: ReadonlyMap<string, string> = new Map();
  #marks: Record<string, string> = {};
  /** Oid of a table that is told only of transactions from `xmax` on. */
  readonly #joining = new Map<string, { mark: string; xmax: bigint }>();
  #unsaved = false;
  #acknowledged: Position = 0n;
  /** Told aside, and not acknowledged before this is. */
  #owed: Position | undefined;
  #probe: Moment | undefined;
  #until: Date | undefined;
  #looking: Promise<void> = Promise.resolve();
  #fail: (error: unknown) => void = () => {};
  #stopped = false;

  constructor(means: SlotMeans) {
    this.#means = means;
    this.#stream = new Stream(means.url);
    this.#service = new Service('slot', lookMs, means.log, () => this.#look());
    this.ended = new Promise((_, reject) => {
      this.#fail = error => {
        if (!this.#stopped) reject(error);
      };
    });
    // Whoever waits hears of it all the same.
    this.ended.catch(() => {});
    this.#stream.ended.catch(error => this.#fail(error));
  }

  /** The slot as it was a moment ago. */
  get slot(): Slot | undefined {
    return this.#slot;
  }

  get untold(): ReadonlyMap<string, string> {
    return this.#unpublished;
  }

  async start(watched: readonly Watched[], sink: Sink): Promise<void> {
    const { pool } = this.#means;
    this.#sink = sink;
    this.#watched = watched;
    const teller = new Teller(sink);
    teller.watch(watched);
    await this.#stream.open();
    const publication = await align(pool, watched, this.#refusals);
    const [slot, why] = await this.#ready(publication, await recall(pool));
    teller.told = this.#acknowledged = parseLsn(slot.confirmed ?? '0/0');
    this.#teller = teller;
    if (why !== undefined) {
      for (const [oid, { mark, why: unfit }] of publication.tables) if (!unfit) this.#marks[oid] = mark;
      this.#unsaved = true;
      this.#tellAside(() => sink.gap(why));
    }
    await this.#look();
    const decoder = new Decoder(teller);
    await this.#stream.start(slot.name, publicationName, {
      message: (bytes, at, end) => decoder.message(bytes, at, end),
      sent: end => this.#sent(end),
      full: () => sink.full(),
    });
    if (!this.#stopped) this.#service.start();
  }

  async watch(watched: readonly Watched[]): Promise<void> {
    this.#watched = watched;
    this.#teller?.watch(watched);
    await this.#look();
  }

  acknowledge(position: Position): void {
    const told = this.#teller?.told ?? 0n;
    const until = position < told ? position : told;
    if (this.#owed !== undefined && until >= this.#owed) {
      this.#owed = undefined;
      if (this.#unsaved) this.#service.wake();
    }
    if (until <= this.#acknowledged) return;
    this.#acknowledged = until;
    this.#stream.confirm(until);
  }

  toldUntil(): Date | undefined {
    const at = this.#teller?.toldAt;
    return at && (!this.#until || at > this.#until) ? at : this.#until;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const { pid } = this.#stream;
    // It may be waiting for others' transactions, and wouldn't notice that we are gone.
    if (!this.#slot && pid !== undefined)
      await this.#means.pool.query('select pg_cancel_backend($1)', [pid]).catch(() => {});
    await this.#stream.close();
    await this.#service.stop();
    await this.#looking.catch(() => {});
  }

  /** The slot to read, and, where it can't tell everything since it was last read, why. */
  async #ready(publication: Publication, memory: Memory | undefined): Promise<[Slot, string | undefined]> {
    const { pool, log } = this.#means;
    const found = await this.#free();
    const slot = found.find(({ name }) => name === memory?.slot);
    const why = this.#doubt(slot, memory, publication);
    if (slot && memory && why === undefined) {
      this.#publication = publication.oid;
      this.#marks = { ...memory.marks };
      this.#slot = slot;
      return [slot, undefined];
    }
    for (const { name } of found) await dropSlot(pool, name);
    log.info('making a replication slot: it begins once all transactions that run now have ended');
    const name = await createSlot(this.#stream);
    const made = (await findSlots(pool)).find(one => one.name === name);
    if (!made) throw gone(name);
    this.#publication = publication.oid;
    this.#slot = made;
    return [made, why ?? 'the replication slot is new'];
  }

  #doubt(slot: Slot | undefined, memory: Memory | undefined, publication: Publication): string | undefined {
    if (!memory) return 'the replication slot is new';
    if (!slot) return `the replication slot ${memory.slot} is gone`;
    if (publication.oid !== memory.publication) return 'the publication was made anew';
    return unfit(slot, this.#means.maxLag);
  }

  /** Our slots, none of them in use. @throws slot-busy */
  async #free(): Promise<Slot[]> {
    const deadline = performance.now() + releaseMs;
    for (;;) {
      const found = await findSlots(this.#means.pool);
      const active = found.find(slot => slot.active);
      if (!active) return found;
      if (this.#stopped || performance.now() > deadline) throw busy(active.name);
      await delay(50);
    }
  }

  #sent(end: Position): void {
    if (this.#probe && end >= this.#probe.lsn) {
      this.#until = this.#probe.at;
      this.#probe = undefined;
    }
    // Nothing of what was told is unfinished: what lies behind it is nothing to us.
    const teller = this.#teller;
    if (!teller || teller.open || this.#owed !== undefined || this.#acknowledged < teller.told) return;
    if (end <= this.#acknowledged) return;
    this.#acknowledged = end;
    this.#stream.confirm(end);
  }

  #look(): Promise<void> {
    const next = this.#looking.catch(() => {}).then(() => this.#lookOnce());
    this.#looking = next;
    return next;
  }

  /** Keeps the publication in step with definitions and tables, and an eye on the slot. */
  async #lookOnce(): Promise<void> {
    const { pool, maxLag } = this.#means;
    const slot = this.#slot;
    if (!slot || this.#stopped) return;
    const publication = await align(pool, this.#watched, this.#refusals);
    if (publication.oid !== this.#publication || publication.made) {
      return this.#fail(
        new EvenkeelError('slot-given-up', 'the publication was dropped or changed while it was read'),
      );
    }
    const now = await moment(pool);
    if (this.#teller) this.#teller.near = now.xmax;
    this.#probe ??= now;
    this.#compare(publication, now);
    this.#slot = (await findSlots(pool)).find(({ name }) => name === slot.name);
    const why = this.#slot ? unfit(this.#slot, maxLag) : `the replication slot ${slot.name} is gone`;
    if (why !== undefined) return this.#fail(new EvenkeelError('slot-given-up', why));
    if (!this.#unsaved || this.#owed !== undefined || this.#teller?.open) return;
    this.#unsaved = false;
    await remember(pool, { slot: slot.name, publication: this.#publication, marks: this.#marks });
  }

  #compare({ tables }: Publication, now: Moment): void {
    const unpublished = new Map<string, string>();
    for (const watched of this.#watched) {
      const { oid, quoted } = watched.relation;
      const { why, mark } = tables.get(oid) ?? { why: 'it is gone', mark: '' };
      const tell = (reason: string) => this.#tellAside(() => this.#sink?.all(watched, reason));
      if (why !== undefined) {
        unpublished.set(oid, why);
        if (this.#unpublished.get(oid) !== why) {
          this.#means.log.warn(`${quoted} is not told of by the slot: ${why}`);
          tell(why);
        }
        if (oid in this.#marks) this.#unsaved = delete this.#marks[oid];
        this.#joining.delete(oid);
        continue;
      }
      if (this.#marks[oid] === mark) continue;
      let joins = this.#joining.get(oid);
      if (joins?.mark !== mark) {
        joins = { mark, xmax: now.xmax };
        this.#joining.set(oid, joins);
        tell(
          oid in this.#marks
            ? 'its definition, its files or its partitions changed'
            : 'it is told of from now on',
        );
      } else if (now.xmin >= joins.xmax) tell('transactions ended that began before it was told of');
      // Until then they may commit changes that were made before the publication held it, and are told to nobody.
      if (now.xmin < joins.xmax) continue;
      this.#joining.delete(oid);
      this.#marks[oid] = mark;
      this.#unsaved = true;
    }
    this.#unpublished = unpublished;
  }

  #tellAside(tell: () => void): void {
    this.#teller?.aside(position => {
      this.#owed = position;
      tell();
    });
  }
}

const gone = (name: string) => new EvenkeelError('slot-given-up', `the replication slot ${name} is gone`);

/** Why a slot can't be read on, or must not be. */
function unfit({ name, status, held }: Slot, maxLag: number): string | undefined {
  if (status === 'lost' || held === undefined || held === null)
    return `the server took away the WAL of the replication slot ${name}`;
  if (held > maxLag)
    return `the replication slot ${name} held back ${Math.round(held / 2 ** 20)} MiB of WAL (EVENKEEL_SLOT_MAX_LAG)`;
  return undefined;
}

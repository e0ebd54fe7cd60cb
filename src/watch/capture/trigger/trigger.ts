import { type Pool, isCollision } from '../../../db/pool.ts';
import type { Capture, Image, Origin, Position, Sink, Watched } from '../capture.ts';
import { type Images, Queue, type Listed, type Row, page } from './queue.ts';
import { forgetOthers, look, remember, remembered, unready } from './state.ts';

/** Milliseconds between two looks: after something was found, and when nothing was for a while. */
const soon = 50;
const late = 250;
/** Milliseconds between two looks at the tables themselves: at least, and as a multiple of what one costs. */
const lookEvery = 200;
const lookShare = 50;

/**
 * Tells what triggers appended to the queue. It polls: NOTIFY would take a lock of the whole server at each commit of the
 * application, and LISTEN doesn't work behind a pooler.
 *
 * What fires no trigger (DDL, partitions that come and go, triggers that were switched off for a while) is known by a
 * fingerprint of each table, and told as `all`; a table without complete triggers is told as `all` again and again. What
 * triggers couldn't append is counted by a sequence, and told as a gap once the transactions that ran meanwhile have ended.
 *
 * Of an update each distinct image, old or new, is told once, as a new one; where sums are kept from the table all are, in pairs.
 */
export class TriggerCapture implements Capture {
  readonly kind = 'triggers';
  readonly ended: Promise<never>;
  readonly #pool: Pool;
  readonly #queue: Queue;
  #fail: (error: unknown) => void = () => {};
  #sink: Sink | undefined;
  #watched: readonly Watched[] = [];
  /** By the oid of the table or of one of its partitions. */
  #tables = new Map<string, Watched>();
  /** Fingerprints that were told, and under '0' the count of what was lost; kept once acknowledged. */
  #known = new Map<string, string>();
  #unready = new Map<string, string>();
  #lookAt = 0;
  #asOf: Date | undefined;
  #toldUntil: Date | undefined;
  #lost: { readonly count: string; until?: bigint } | undefined;
  #position = 0n;
  #acknowledged = 0n;
  #unfinished: Unfinished[] = [];
  #running: Promise<void> | undefined;
  #stopping = false;
  #wake: () => void = () => {};
  #stop: () => void = () => {};
  readonly #stopped = new Promise<void>(resolve => {
    this.#stop = resolve;
  });

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#queue = new Queue(pool);
    this.ended = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.ended.catch(() => {});
  }

  async start(watched: readonly Watched[], sink: Sink): Promise<void> {
    this.#sink = sink;
    this.#known = await remembered(this.#pool);
    await this.watch(watched);
    await this.#look();
    this.#running = this.#loop();
  }

  get untold(): ReadonlyMap<string, string> {
    return this.#unready;
  }

  async watch(watched: readonly Watched[]): Promise<void> {
    this.#watched = watched;
    const own = new Map(watched.map(table => [table.relation.oid, table]));
    for (const [oid, table] of this.#tables) {
      const now = own.get(table.relation.oid);
      if (now) own.set(oid, now);
    }
    this.#tables = own;
    this.#lookAt = 0;
    for (const oid of this.#known.keys()) if (oid !== '0' && !own.has(oid)) this.#known.delete(oid);
    await forgetOthers(this.#pool, watched);
  }

  acknowledge(position: Position): void {
    if (position > this.#acknowledged) this.#acknowledged = position;
  }

  toldUntil(): Date | undefined {
    return this.#toldUntil;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stop();
    this.#wake();
    await this.#running;
    await this.#finish().catch(() => {});
  }

  async #loop(): Promise<void> {
    let pause = soon;
    while (!this.#stopping) {
      try {
        if (performance.now() >= this.#lookAt) await this.#look();
        await this.#finish();
        const listed = await this.#queue.list();
        await this.#tell(listed);
        if (listed.transactions.length > 0) pause = listed.complete ? soon : 0;
        else pause = Math.min(late, Math.max(soon, pause * 1.5));
      } catch (error) {
        if (!isCollision(error)) {
          this.#fail(error);
          return;
        }
        pause = late;
      }
      if (pause > 0 && !this.#stopping) await this.#rest(pause);
    }
  }

  #rest(ms: number): Promise<void> {
    return new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** What changed without a trigger. */
  async #look(): Promise<void> {
    const sink = this.#sink as Sink;
    const watched = this.#watched;
    const began = performance.now();
    const { at, tables } = await look(this.#pool, watched);
    const changed = tables.filter(
      ({ table, fingerprint }) => this.#known.get(table.relation.oid) !== fingerprint,
    );
    const whys = await unready(
      this.#pool,
      changed.map(({ table }) => table),
    );
    // Others may be watched by now: they have a look of their own.
    if (watched !== this.#watched) return;
    this.#unready = whys;
    for (const { table, members } of tables) for (const oid of members) this.#tables.set(oid, table);
    const keep = new Map<string, string>();
    for (const { table, fingerprint } of changed) {
      const why = this.#unready.get(table.relation.oid);
      sink.all(table, why ?? 'it was altered, or its triggers are new');
      // Told again at the next look, as long as it is so.
      if (why === undefined) keep.set(table.relation.oid, fingerprint);
    }
    if (keep.size > 0) this.#barrier(keep);
    const now = performance.now();
    this.#lookAt = now + Math.max(lookEvery, lookShare * (now - began));
    this.#asOf = at;
  }

  /** What was told until now is done when an empty transaction behind it is; then it can be remembered. */
  #barrier(keep: ReadonlyMap<string, string>): void {
    for (const [oid, text] of keep) this.#known.set(oid, text);
    this.#sink?.begin({ xid: '3', at: new Date() });
    this.#commit({ keep });
  }

  #commit(what: { readonly xid?: string; readonly keep?: ReadonlyMap<string, string> }): void {
    this.#position += 1n;
    this.#unfinished.push({ position: this.#position, ...what });
    this.#sink?.commit(this.#position);
  }

  /** Deletes what was acknowledged. */
  async #finish(): Promise<void> {
    const open = this.#unfinished.findIndex(({ position }) => position > this.#acknowledged);
    const done = open === -1 ? this.#unfinished : this.#unfinished.slice(0, open);
    if (done.length === 0) return;
    for (const { keep } of done) if (keep) await remember(this.#pool, keep);
    const xids = done.flatMap(({ xid }) => xid ?? []);
    for (let i = 0; i < xids.length; i += 5_000) await this.#queue.remove(xids.slice(i, i + 5_000));
    this.#unfinished = this.#unfinished.slice(done.length);
  }

  async #tell(listed: Listed): Promise<void> {
    this.#countLost(listed);
    let group: Listed['transactions'][number][] = [];
    let size = { rows: 0, bytes: 0 };
    for (const one of listed.transactions) {
      const full = size.rows + one.rows > page.rows || size.bytes + one.bytes > page.bytes;
      if (full && group.length > 0) {
        await this.#tellGroup(group);
        group = [];
        size = { rows: 0, bytes: 0 };
      }
      if (this.#stopping) return;
      group.push(one);
      size = { rows: size.rows + one.rows, bytes: size.bytes + one.bytes };
    }
    if (group.length > 0) await this.#tellGroup(group);
    const sure = listed.complete && !this.#lost && this.#unready.size === 0 && this.#asOf;
    if (sure) this.#toldUntil = new Date(Math.min(listed.at.getTime(), sure.getTime()));
  }

  /** A few transactions that fit into memory, or a single large one, page by page. */
  async #tellGroup(group: Listed['transactions']): Promise<void> {
    const sink = this.#sink as Sink;
    const xids = group.map(({ xid }) => xid);
    let left = group.reduce((sum, { rows }) => sum + rows, 0);
    let after = '0';
    const rows = new Map<string, Row[]>();
    const only = group.length === 1;
    let begun = false;
    while (left > 0) {
      await Promise.race([sink.full(), this.#stopped]);
      if (this.#stopping) return;
      const read = await this.#queue.rows(xids, after);
      if (read.length === 0) break;
      left -= read.length;
      after = (read.at(-1) as Row).id;
      if (only) {
        if (!begun) sink.begin(origin(read[0] as Row));
        begun = true;
        for (const row of read) this.#row(row);
      } else for (const row of read) rows.set(row.xid, [...(rows.get(row.xid) ?? []), row]);
    }
    // Another reader may have deleted them meanwhile.
    if (only && !begun) return;
    for (const xid of xids) {
      const own = rows.get(xid);
      if (!only && !own) continue;
      if (own) sink.begin(origin(own.at(-1) as Row));
      for (const row of own ?? []) this.#row(row);
      this.#commit({ xid });
    }
  }

  #row({ relation, operation, columns, images, was, why }: Row): void {
    const sink = this.#sink as Sink;
    const table = this.#tables.get(relation);
    // Its triggers are still there, but nobody asks; or it is a partition so new that the next look tells everything.
    if (!table) return;
    if (!images || !columns || operation === 'truncate')
      return sink.all(table, why ?? 'any row may have changed');
    if (table.columns.some(name => !columns.includes(name)))
      return sink.all(table, 'its triggers captured other columns');
    const at = [...table.columns, ...table.extra].map(name => columns.indexOf(name));
    // Both in the order in which the statement changed them, as far as anybody knows.
    const [old, now] = operation === 'delete' ? [images, was] : [was, images];
    for (let i = 0; i < Math.max(countOf(old), countOf(now)); i++)
      sink.row(table, operation, imageOf(old, at, i), imageOf(now, at, i));
  }

  /**
   * The count goes up before the transaction that lost something commits: it is a gap once every transaction that had begun
   * to write by then has ended.
   */
  #countLost({ lost, oldest, end }: Listed): void {
    if (this.#lost) {
      this.#lost.until ??= end;
      if (oldest >= this.#lost.until) {
        this.#sink?.gap('triggers could not append to the queue: it was locked, or full');
        this.#barrier(new Map([['0', this.#lost.count]]));
        this.#lost = undefined;
      }
    }
    if (lost !== (this.#known.get('0') ?? '0')) this.#lost ??= { count: lost };
  }
}

interface Unfinished {
  readonly position: Position;
  readonly xid?: string;
  readonly keep?: ReadonlyMap<string, string>;
}

const countOf = (images: Images | null): number => images?.[0]?.length ?? 0;

/** Of its values, undefined: not captured. */
const imageOf = (images: Images | null, at: readonly number[], i: number): Image | undefined =>
  images && i < countOf(images)
    ? at.map(column => (column === -1 ? undefined : (images[column]?.[i] ?? null)))
    : undefined;

const origin = ({ xid, at, role, application }: Row): Origin => ({ xid, at, role, application });

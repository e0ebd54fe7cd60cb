import { readRelations, resolve } from '../../../src/catalog/relation.ts';
import type { Bound } from '../../../src/ask/bind.ts';
import { type Pool, transaction } from '../../../src/db/pool.ts';
import type { Capture, Image, Position, Sink, Watched } from '../../../src/watch/capture/capture.ts';
import { type TablePlan, capturePlan, unfollowed } from '../../../src/watch/capture/plan.ts';
import { SlotCapture } from '../../../src/watch/capture/slot/capture.ts';
import { recall } from '../../../src/watch/capture/slot/memory.ts';
import { triggerDdl } from '../../../src/watch/capture/trigger/ddl.ts';
import { until } from '../../support/wait.ts';
import type { Change, Hearing, Told } from './told.ts';
import type { World } from './world.ts';

const limits = { statement: 30_000, lock: 5_000, schemas: ['public'] };

/** A capture as it is in production, heard up to a marker that is written behind all that happened. */
export class CaptureHearing implements Hearing, Sink {
  readonly #pool: Pool;
  readonly #capture: Capture;
  #fence: Watched | undefined;
  #transactions: Change[][] = [];
  #changes: Change[] = [];
  #all = new Set<string>();
  #watched: readonly TablePlan[] = [];
  #marker = '';
  #started = false;
  #worlds = 0;
  #position: Position | undefined;
  #failed: Error | undefined;
  /** Why anything was told as a whole. */
  readonly whys = new Map<string, number>();

  constructor(pool: Pool, capture: Capture) {
    this.#pool = pool;
    this.#capture = capture;
    capture.ended.catch((error: Error) => (this.#failed = error));
  }

  ddl(): string {
    return '';
  }

  async start(_: World | undefined, bounds: readonly Bound[]): Promise<ReadonlySet<Bound>> {
    const plans = capturePlan(bounds);
    // Now and then as tables come: what the old row of an update held is then told of its primary key only.
    if (this.#capture.kind === 'slot' && ++this.#worlds % 3 > 0)
      for (const sql of plans.flatMap(({ ddl }) => ddl)) await this.#pool.query(sql);
    const relations = await transaction(this.#pool, limits, tx =>
      readRelations(
        tx,
        plans.map(({ relation }) => relation.oid),
      ),
    );
    const now = bounds.map(bound => ({ ...bound, scope: { ...bound.scope, ...renewed(bound, relations) } }));
    this.#watched = capturePlan(now);
    await this.#install(this.#watched);
    const watched = [await this.#fenced(), ...this.#watched];
    if (this.#started) await this.#capture.watch(watched);
    else await this.#capture.start(watched, this);
    this.#started = true;
    await this.hear();
    if (this.#capture.kind === 'slot')
      await until(
        async () => {
          await this.hear();
          const marks = (await recall(this.#pool))?.marks ?? {};
          return this.#watched.every(({ relation }) => relation.oid in marks || this.#left.has(relation.oid));
        },
        { what: 'the new tables to be told of' },
      );
    await this.hear();
    const left = (bound: Bound) => bound.scope.reads.some(({ oid }) => this.#left.has(oid));
    const lost = (bound: Bound) => unfollowed(bound, this.#watched, this.#capture.kind).length > 0;
    return new Set(bounds.filter((bound, i) => left(bound) || lost(now[i] ?? bound)));
  }

  /** Tables that the slot doesn't tell of. */
  get #left(): ReadonlyMap<string, string> {
    return this.#capture instanceof SlotCapture ? this.#capture.untold : new Map();
  }

  async #install(watched: readonly Watched[]): Promise<void> {
    if (this.#capture.kind !== 'triggers') return;
    const steps = await transaction(this.#pool, limits, async tx =>
      triggerDdl(tx, [...watched, await this.#fenced()]),
    );
    for (const { sql } of steps) await transaction(this.#pool, limits, tx => tx.query(sql));
  }

  async #fenced(): Promise<Watched> {
    if (this.#fence) return this.#fence;
    await this.#pool.query(
      'create table if not exists public.fence (id int generated always as identity primary key)',
    );
    const relation = await transaction(this.#pool, limits, async tx => {
      const oid = (await resolve(tx, 'public.fence')) ?? '';
      return (await readRelations(tx, [oid])).get(oid);
    });
    if (!relation) throw new Error('no fence');
    return (this.#fence = { relation, columns: ['id'], extra: [] });
  }

  async hear(): Promise<Told> {
    if (this.#position !== undefined) this.#capture.acknowledge(this.#position);
    const { rows } = await this.#pool.query<{ id: string }>(
      'insert into public.fence default values returning id::text',
    );
    await until(
      () => {
        if (this.#failed) throw this.#failed;
        return this.#marker === rows[0]?.id;
      },
      { what: 'the marker' },
    );
    const told = { watched: this.#watched, transactions: this.#transactions, all: this.#all };
    this.#transactions = [];
    this.#all = new Set();
    return told;
  }

  stop(): Promise<void> {
    return this.#capture.stop();
  }

  #last: string | undefined;
  begin(): void {
    this.#last = undefined;
    this.#changes = [];
  }

  row(table: Watched, operation: Change['operation'], old: Image | undefined, now: Image | undefined): void {
    if (table.relation.oid === this.#fence?.relation.oid) this.#last = now?.[0] ?? undefined;
    else this.#changes.push({ table, operation, old, now });
  }

  all({ relation }: Watched, why: string): void {
    this.#all.add(relation.name);
    this.whys.set(why, (this.whys.get(why) ?? 0) + 1);
  }

  commit(position: Position): void {
    this.#position = position;
    if (this.#changes.length > 0) this.#transactions.push(this.#changes);
    this.#changes = [];
    if (this.#last !== undefined) this.#marker = this.#last;
  }

  gap(why: string): void {
    for (const { relation } of this.#watched) this.all({ relation, columns: [], extra: [] }, why);
  }

  full(): undefined {
    return undefined;
  }
}

/** Replica identities as they are now. */
function renewed(
  { scope }: Bound,
  relations: Awaited<ReturnType<typeof readRelations>>,
): Pick<Bound['scope'], 'reads' | 'paths'> {
  return {
    reads: scope.reads.map(one => relations.get(one.oid) ?? one),
    paths: scope.paths.map(path => ({
      ...path,
      relation: relations.get(path.relation.oid) ?? path.relation,
    })),
  };
}

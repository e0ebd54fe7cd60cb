import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { type Pool, describe, isCollision, often } from '../db/pool.ts';
import type { Bound } from '../ask/bind.ts';
import type { Key } from '../ask/ask.ts';
import { explain } from '../ask/mistake.ts';
import { EvenkeelError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Bindings } from '../roster/bindings.ts';
import { Service } from '../service.ts';
import { type Pace, nextPace } from './chunk.ts';
import { Duty } from './duty.ts';
import { Horizon } from './horizon.ts';
import { type Leader, leaseSeconds } from './leader.ts';
import type { Lease } from './lease.ts';
import { noteStale } from './progress.ts';
import { endRange, nextRange, sweepRange } from './ranges.ts';
import { afterTimeout, beginChunk, endChunk, sweepChunk } from './sweep.ts';

export interface SweeperParts {
  /** Where rows are read: a replica, if there is one. */
  readonly pool: Pool;
  /** Where the cursor is. */
  readonly primary: Pool;
  readonly bindings: Bindings;
  readonly leader: Leader;
  readonly config: Config;
  readonly log: Log;
  /** Takes what a chunk suspects; of a range, with the change that may have broken it. */
  readonly find: (bound: Bound, keys: readonly Key[], cause?: object) => Promise<void>;
  /** How long to pause between two passes; ms. */
  readonly pause: (bound: Bound) => number;
  /** A pass, begun at `since`, is complete. */
  readonly finish: (bound: Bound, since: Date | null) => Promise<void>;
}

/** Sweeps invariant after invariant, chunk by chunk, within its duty cycle; only while it holds the lease. */
export class Sweeper {
  readonly #parts: SweeperParts;
  readonly #duty: Duty;
  readonly #horizon: Horizon;
  readonly #paces = new Map<string, Pace>();
  readonly #walker: Service;
  #turn = 0;
  /** The last step was a range's. */
  #ranging = false;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
    this.#duty = new Duty(parts.primary, parts.config.sweepDuty);
    this.#horizon = new Horizon(parts.primary, parts.pool);
    this.#walker = new Service('sweep', 200, parts.log, () => this.#step());
  }

  start(): void {
    this.#walker.start();
  }

  wake(): void {
    this.#walker.wake();
  }

  stop(): Promise<void> {
    return this.#walker.stop();
  }

  /** One full pass over every invariant of this process, at full speed; waits for the lease. */
  async pass(): Promise<void> {
    const { bindings, leader } = this.#parts;
    for (const bound of bindings.own) {
      let done = false;
      while (!done) {
        const chunk = await this.#chunk(bound, await this.#lead());
        done = chunk.done;
        if (chunk.tired) await delay(100);
      }
    }
    await leader.drop();
  }

  /** A process that was killed holds its lease for a while; one that lives renews it. @throws busy-elsewhere */
  async #lead(): Promise<Lease> {
    const { leader } = this.#parts;
    const deadline = performance.now() + (leaseSeconds + 1) * 1_000;
    for (;;) {
      await leader.keep();
      if (leader.lease) return leader.lease;
      if (performance.now() > deadline)
        throw new EvenkeelError('busy-elsewhere', 'another process is sweeping this database');
      await delay(100);
    }
  }

  /** One chunk of whichever invariant is next; how long to pause. */
  async #step(): Promise<number> {
    const { lease } = this.#parts.leader;
    if (!lease) return 500;
    const { due, ranged } = await this.#nextDue();
    // What is known to have changed comes first, but a pass goes on beside it.
    this.#ranging = ranged !== undefined && !(this.#ranging && due);
    if (ranged && this.#ranging)
      return this.#duty.pauseAfter(await this.#range(ranged), ranged.table.oid, urgency);
    if (!due) return 250;
    const { ms, done, tired } = await this.#chunk(due, lease);
    if (done || tired) this.#turn++;
    return this.#duty.pauseAfter(ms, due.table.oid);
  }

  /** Whose turn it is to be swept, and to have a range of its keys swept. */
  async #nextDue(): Promise<{ due?: Bound | undefined; ranged?: Bound | undefined }> {
    const rows = await often<{ name: string; due: boolean; ranged: boolean }>(
      this.#parts.primary,
      `select name, next_pass_at <= clock_timestamp() as due, ranged from evenkeel.invariant i
        cross join lateral (select exists (select from evenkeel.range where invariant = i.name) as ranged) r
        where retired_at is null and (ranged or next_pass_at <= clock_timestamp())`,
    );
    const own = this.#parts.bindings.own;
    const turns = own.map((_, i) => own[(this.#turn + i) % own.length] as Bound);
    const of = (names: readonly { name: string }[]) => {
      const some = new Set(names.map(({ name }) => name));
      return turns.find(({ name }) => some.has(name));
    };
    const due = of(rows.filter(row => row.due));
    if (due) this.#turn = own.indexOf(due);
    return { due, ranged: of(rows.filter(row => row.ranged)) };
  }

  /** One piece of a range; how long it took. Where that can't be done, everything is swept instead. */
  async #range(bound: Bound): Promise<number> {
    const { primary, find, finish } = this.#parts;
    const range = await nextRange(primary, bound);
    if (!range) return 0;
    const pace = this.#paces.get(bound.name) ?? { rows: 1_000, rate: 0 };
    try {
      const { suspects, edge, ms } = await sweepRange(primary, bound, range, pace);
      if (edge) this.#paces.set(bound.name, nextPace(pace, ms));
      if (suspects.length > 0) await find(bound, await this.#listable(bound, suspects), range.cause);
      if (!edge) await finish(bound, range.notedAt);
      await endRange(primary, range, edge);
      return ms;
    } catch (error) {
      if (this.#slowed(bound, pace, error)) return 1_000;
      this.#told(bound, error);
      const why = 'a range of keys that changed could not be swept';
      await noteStale(primary, new Map([[bound.name, { why, xids: new Set() }]]));
      return 100;
    }
  }

  /** `done`: with this pass, or for now; `tired`: it was too much, and others shall have their turn before it is tried again. */
  async #chunk(bound: Bound, lease: Lease): Promise<{ ms: number; done: boolean; tired?: boolean }> {
    const { pool, primary, bindings, leader, find, finish, pause } = this.#parts;
    const progress = await beginChunk(primary, bound);
    const pace = this.#paces.get(bound.name) ?? { rows: progress.chunkRows, rate: 0 };
    try {
      // Others have their turn meanwhile: a replica may be hours behind.
      if (!(await this.#horizon.reached(bound.name, progress))) return { ms: 100, done: false, tired: true };
      const chunk = await sweepChunk(pool, bound, progress, pace);
      const next = chunk.cursor ? nextPace(pace, chunk.ms) : pace;
      this.#paces.set(bound.name, next);
      if (chunk.suspects.length > 0) {
        await find(bound, await this.#listable(bound, chunk.suspects));
      }
      if (chunk.cursor === undefined) await finish(bound, progress.passStartedAt);
      // It may be somebody else's by now; or only the pass was ended, by another definition.
      if (!(await endChunk(primary, bound, lease, chunk, next, pause(bound)))) await leader.keep();
      return { ms: chunk.ms, done: chunk.cursor === undefined };
    } catch (error) {
      if (this.#slowed(bound, pace, error)) return { ms: 1_000, done: false, tired: true };
      // A table that is gone, or somebody's lock on one, must not stop the sweeping of all.
      const told = this.#told(bound, error);
      await bindings.fail(bound.name, told, true);
      return { ms: 100, done: true };
    }
  }

  /** It took too long, and less at once may do. */
  #slowed(bound: Bound, pace: Pace, error: unknown): boolean {
    const slower = afterTimeout(error, pace, bound);
    if (slower) this.#paces.set(bound.name, slower);
    return slower !== undefined;
  }

  /** What is wrong with this invariant, for people. @throws anything that is no fault of it */
  #told(bound: Bound, error: unknown): unknown {
    const told = explain(error, bound.invariant);
    if (!(told instanceof EvenkeelError) && !isCollision(told)) throw told;
    this.#parts.log.warn(`${bound.name}: ${describe(told)}`);
    return told;
  }

  /** Where nothing will be healed by itself, a list of ten thousand is enough for a person; the rest is counted. */
  async #listable<T>(bound: Bound, keys: readonly T[]): Promise<readonly T[]> {
    const { rows } = await this.#parts.primary.query<{ heals: boolean; n: string }>(
      `select mode = 'heal' and held_at is null as heals,
              (select count(*) from (select from evenkeel.violation v where v.invariant = i.name limit $2) x) as n
         from evenkeel.invariant i where name = $1`,
      [bound.name, mostListed],
    );
    const row = rows[0];
    return !row || (row.heals && bound.invariant.guard === null)
      ? keys
      : keys.slice(0, Math.max(0, mostListed - Number(row.n)));
  }
}
const mostListed = 10_000;
/** Ranges hold changes that wait: so many times the share of a sweep. */
const urgency = 4;

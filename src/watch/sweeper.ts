import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { type Pool, describe, isCollision } from '../db/pool.ts';
import type { Bound } from '../ask/bind.ts';
import type { Key } from '../ask/ask.ts';
import { explain } from '../ask/mistake.ts';
import { EvenkeelError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Bindings } from '../roster/bindings.ts';
import { Service } from '../service.ts';
import { type Pace, nextPace } from './chunk.ts';
import { Duty } from './duty.ts';
import { type Leader, leaseSeconds } from './leader.ts';
import type { Lease } from './lease.ts';
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
  /** Takes what a chunk suspects. */
  readonly find: (bound: Bound, keys: readonly Key[]) => Promise<void>;
  /** How long to pause between two passes; ms. */
  readonly pause: (bound: Bound) => number;
  /** A pass, begun at `since`, is complete. */
  readonly finish: (bound: Bound, since: Date | null) => Promise<void>;
}

/** Sweeps invariant after invariant, chunk by chunk, within its duty cycle; only while it holds the lease. */
export class Sweeper {
  readonly #parts: SweeperParts;
  readonly #duty: Duty;
  readonly #paces = new Map<string, Pace>();
  readonly #walker: Service;
  #turn = 0;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
    this.#duty = new Duty(parts.primary, parts.config.sweepDuty);
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
        done = (await this.#chunk(bound, await this.#lead())).done;
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
    const due = await this.#nextDue();
    if (!due) return 100;
    const { ms, done, tired } = await this.#chunk(due, lease);
    if (done || tired) this.#turn++;
    return this.#duty.pauseAfter(ms, due.table.oid);
  }

  async #nextDue(): Promise<Bound | undefined> {
    const { rows } = await this.#parts.primary.query<{ name: string }>(
      'select name from evenkeel.invariant where retired_at is null and next_pass_at <= clock_timestamp()',
    );
    const due = new Set(rows.map(row => row.name));
    const own = this.#parts.bindings.own;
    for (let i = 0; i < own.length; i++) {
      const bound = own[(this.#turn + i) % own.length];
      if (bound && due.has(bound.name)) {
        this.#turn = (this.#turn + i) % own.length;
        return bound;
      }
    }
    return undefined;
  }

  /** `done`: with this pass, or for now; `tired`: it was too much, and others shall have their turn before it is tried again. */
  async #chunk(bound: Bound, lease: Lease): Promise<{ ms: number; done: boolean; tired?: boolean }> {
    const { pool, primary, log, bindings, leader, find, finish, pause } = this.#parts;
    const progress = await beginChunk(primary, bound);
    const pace = this.#paces.get(bound.name) ?? { rows: progress.chunkRows, rate: 0 };
    try {
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
      const slower = afterTimeout(error, pace, bound);
      if (slower) {
        this.#paces.set(bound.name, slower);
        return { ms: 1_000, done: false, tired: true };
      }
      // A table that is gone, or somebody's lock on one, must not stop the sweeping of all.
      const told = explain(error, bound.invariant);
      if (!(told instanceof EvenkeelError) && !isCollision(told)) throw told;
      log.warn(`${bound.name}: ${describe(told)}`);
      await bindings.fail(bound.name, told, true);
      return { ms: 100, done: true };
    }
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

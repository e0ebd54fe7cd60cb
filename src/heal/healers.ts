import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.ts';
import type { Bound } from '../ask/bind.ts';
import { isOwn } from '../declare/remedy.ts';
import { EvenkeelError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Bindings } from '../roster/bindings.ts';
import { Service } from '../service.ts';
import { type Ward, healBatch } from './batch.ts';
import { due, soonAgain } from './claim.ts';
import { feeds } from './order.ts';

/** Milliseconds that a heal transaction should take: rows are locked no longer than the application can bear. */
const targetMs = 250;

/** A drain waits so often for what is tried again within two seconds: somebody held the row, or a first attempt failed. */
const mostWaits = 5;

/** Between two looks of one worker, for all of them, at what is due; ms. It is woken where this process finds something. */
const lookMs = 200;
/** And of each other one, which the first wakes; ms. */
const seldomMs = 2_000;
/** What gave way to somebody is soon due again: then it is looked at so often, for so long; ms. */
const soonMs = 40;
const soonForMs = 500;

/**
 * Workers that heal what is due, invariant after invariant in the order of names. Batches grow while they are quick and
 * shrink when they collide with the application: where both want a row, the heal gives way.
 */
export class Healers {
  readonly #bindings: Bindings;
  readonly #most: number;
  readonly #ward: Ward;
  readonly #workers: readonly Service[];
  readonly #sizes = new Map<string, number>();
  /** Up to when what is due was claimed, and whether there was more. */
  readonly #claimed = new Map<string, { upTo: Date; more: boolean }>();
  #gaveWayAt = Number.NEGATIVE_INFINITY;

  constructor(ward: Ward, bindings: Bindings, config: Config, log: Log) {
    this.#bindings = bindings;
    this.#most = config.batch;
    this.#ward = ward;
    this.#workers = Array.from(
      { length: config.healers },
      (_, i) =>
        new Service(`healer ${i + 1}`, i === 0 ? lookMs : seldomMs, log, async () => {
          if ((await this.round()) > 0) {
            // There may be more than one worker can heal.
            for (const [j, worker] of this.#workers.entries()) if (j !== i) worker.wake();
            return 0;
          }
          return performance.now() - this.#gaveWayAt < soonForMs ? soonMs : undefined;
        }),
    );
  }

  start(): void {
    for (const worker of this.#workers) worker.start();
  }

  wake(): void {
    for (const worker of this.#workers) worker.wake();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map(worker => worker.stop()));
  }

  /** Heals until nothing is due, with as many workers. What is soon tried again is waited for, a while. */
  async drain(): Promise<void> {
    for (let tries = 0; ; tries++) {
      await Promise.all(
        this.#workers.map(async () => {
          while ((await this.round()) > 0);
          this.#claimed.clear();
          while ((await this.round()) > 0);
        }),
      );
      const ms =
        tries < mostWaits
          ? await soonAgain(
              this.#ward.pool,
              this.#own().map(({ name }) => name),
            )
          : undefined;
      if (ms === undefined) return;
      await delay(ms);
    }
  }

  /** What programs claim is theirs, and what an upstream is asked about goes its own way. */
  #own(): Bound[] {
    return this.#bindings.own.filter(({ invariant }) => isOwn(invariant));
  }

  /**
   * Batches in the fixed order; how many violations were claimed. While an invariant that others build on has more, it
   * goes on first, for a while: healing downstream from rows that are still wrong would be done twice.
   */
  async round(): Promise<number> {
    let total = 0;
    const own = this.#own();
    const waiting = await due(
      this.#ward.pool,
      own.map(({ name }) => name),
      own.map(({ name }) => this.#after(name)),
    );
    for (const bound of own) {
      if (!waiting.has(bound.name)) continue;
      const feedsOthers = own.some(other => other !== bound && feeds(bound, other));
      for (let i = 0; i < (feedsOthers ? 50 : 1); i++) {
        const { claimed, more } = await this.#batch(bound);
        total += claimed;
        if (!more) break;
      }
    }
    return total;
  }

  async #batch(bound: Bound): Promise<{ claimed: number; more: boolean }> {
    const size = this.#sizes.get(bound.name) ?? Math.min(100, this.#most);
    const started = performance.now();
    try {
      const outcome = await healBatch(this.#ward, bound, size, this.#after(bound.name));
      const ms = performance.now() - started;
      if (outcome.healed < outcome.claimed) this.#gaveWayAt = performance.now();
      if (outcome.collided) this.#sizes.set(bound.name, Math.max(1, Math.floor(size / 2)));
      else if (outcome.claimed >= size) {
        const fitting = Math.floor((size * targetMs) / Math.max(ms, 1));
        this.#sizes.set(bound.name, Math.min(this.#most, Math.max(1, Math.min(fitting, size * 2))));
      }
      const more = outcome.claimed >= size;
      this.#looked(bound.name, outcome.upTo, more);
      return { claimed: outcome.claimed, more };
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      await this.#bindings.setAside(bound.name, error);
      return { claimed: 0, more: false };
    }
  }

  /**
   * Dead ledger rows pile up at the old end of the index: skipping those of two seconds of a storm takes as long as the
   * look itself, and under somebody's long snapshot a claim is 28 times slower at 50,000 of them. So a claim begins where
   * the last one ended, and looks from the start when a storm is over, and now and then: another worker may have let go
   * of what it held, and a clock that stepped back may have made something due earlier.
   */
  #after(name: string): Date | undefined {
    return Math.random() < 0.05 ? undefined : this.#claimed.get(name)?.upTo;
  }

  #looked(name: string, upTo: Date | undefined, more: boolean): void {
    if (!upTo) return;
    if (!more && this.#claimed.get(name)?.more) this.#claimed.delete(name);
    else this.#claimed.set(name, { upTo: new Date(upTo.getTime() - (more ? 100 : 2_000)), more });
  }
}

import type { Key } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { type Pool, describe, isDown } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Bindings } from '../roster/bindings.ts';
import { Service } from '../service.ts';
import type { Capture } from './capture/capture.ts';
import type { Choice } from './capture/choose.ts';
import { type TablePlan, capturePlan, unfollowed } from './capture/plan.ts';
import type { Leader } from './leader.ts';
import {
  forgetKept,
  keep,
  loadKept,
  noteBacking,
  noteEscapes,
  noteGap,
  noteKind,
  noteProgress,
  noteStale,
} from './progress.ts';
import type { Tracer, Watch } from './tracer.ts';

export interface WatcherParts {
  readonly pool: Pool;
  readonly bindings: Bindings;
  readonly leader: Leader;
  readonly tracer: Tracer;
  readonly log: Log;
  readonly choose: (plans: readonly TablePlan[]) => Promise<Choice>;
}

/** Suspects that wait for longer are kept in the database, so that they don't hold back a slot; ms. Those that only stand in
 * line are looked at before: keeping costs about what looking does. */
const patienceMs = 15_000;
/** Without a capture, it is asked again so often whether there can be one; ms. */
const askAgainMs = 30_000;
/** More suspects of one invariant than this that can't be looked at are given up for a sweep. */
const mostKept = 10_000;

/**
 * While this process leads: starts a capture, tells the tracer what to follow, keeps what waits long, acknowledges what was
 * looked at, and says up to when. Whatever it can't be sure of becomes "sweep everything", never a gap that nobody knows.
 */
export class Watcher {
  readonly #parts: WatcherParts;
  readonly #service: Service;
  #capture: Capture | undefined;
  #kind: Capture['kind'] | undefined;
  #followed: readonly Bound[] = [];
  #backed = new Set<string>();
  #askAgainAt = 0;
  #noted = 0;
  #ended: Error | undefined;
  /** As it was when it was noted what backs each invariant. */
  #untold = '';
  readonly #doubts = new Map<string, number>();

  constructor(parts: WatcherParts) {
    this.#parts = parts;
    this.#service = new Service('capture', 200, parts.log, () => this.#tend());
  }

  start(): void {
    this.#service.start();
  }

  wake(): void {
    this.#service.wake();
  }

  async stop(): Promise<void> {
    await this.#service.stop();
    await this.#settle().catch(() => {});
    await this.#end();
  }

  /** Does capture tell of every change that matters to it? */
  backs(name: string): boolean {
    return this.#capture !== undefined && this.#backed.has(name);
  }

  /** A sweep found these: did capture know? */
  doubt(name: string, keys: readonly Key[]): void {
    const watch = this.backs(name) ? this.#parts.tracer.of(name) : undefined;
    if (!watch || watch.bound.scope.clock) return;
    for (const key of keys) watch.keys.doubt(key);
    this.#doubts.set(name, Date.now());
  }

  async #tend(): Promise<void> {
    if (!this.#parts.leader.lease) return this.#end();
    if (this.#ended !== undefined) {
      const error = this.#ended;
      await this.#end();
      throw error;
    }
    if (this.#capture) await this.#follow(this.#capture);
    else if (performance.now() >= this.#askAgainAt) await this.#begin();
    await this.#settle();
  }

  async #begin(): Promise<void> {
    const { pool, bindings, tracer, choose, log } = this.#parts;
    const bounds = bindings.own;
    const plans = capturePlan(bounds);
    const { capture, why } = await choose(plans);
    const kind = capture?.kind ?? 'sweeps';
    if (!capture) return this.#without(bounds, why);
    if (this.#kind !== kind) tracer.forget();
    tracer.follow(bounds, plans);
    const before = await noteKind(pool, kind, why);
    if (before !== kind) tracer.gap(`capture by ${kind} begins`);
    for (const { invariant, key, since, cause } of await loadKept(pool)) {
      const at = new Date(cause.at);
      tracer.of(invariant)?.keys.load(key, { ...cause, at }, since.getTime(), performance.now());
    }
    this.#kind = capture.kind;
    this.#followed = bounds;
    try {
      await capture.start(plans, tracer);
    } catch (error) {
      await capture.stop().catch(() => {});
      // The process that led before it may hold the slot for a moment.
      if (isDown(error) || (error instanceof EvenkeelError && error.code === 'slot-busy')) throw error;
      return this.#without(bounds, `capture by ${kind} failed: ${describe(error)}`);
    }
    this.#capture = capture;
    await this.#noteBacking(bounds, capture);
    capture.ended.catch(error => {
      if (this.#capture !== capture) return;
      this.#ended = error instanceof Error ? error : new Error(String(error));
      this.#service.wake();
    });
    log.debug(`capturing by ${kind}: ${why}`);
  }

  /** Sweeps find everything until there can be a capture. */
  async #without(bounds: readonly Bound[], why: string): Promise<void> {
    const { pool, log } = this.#parts;
    await noteKind(pool, 'sweeps', why);
    await this.#noteBacking(bounds, undefined);
    this.#askAgainAt = performance.now() + askAgainMs;
    log.info(`finding by sweeps alone: ${why}`);
  }

  /** Definitions and tables change while we run. */
  async #follow(capture: Capture): Promise<void> {
    const { bindings, tracer } = this.#parts;
    const bounds = bindings.own;
    const same =
      bounds.length === this.#followed.length && bounds.every((bound, i) => bound === this.#followed[i]);
    if (!same) {
      const plans = capturePlan(bounds);
      tracer.follow(bounds, plans);
      await capture.watch(plans);
      this.#followed = bounds;
    }
    if (!same || this.#untold !== JSON.stringify([...capture.untold]))
      await this.#noteBacking(bounds, capture);
  }

  async #noteBacking(bounds: readonly Bound[], capture: Capture | undefined): Promise<void> {
    const plans = capturePlan(bounds);
    const untold = capture?.untold ?? new Map<string, string>();
    const backings = bounds.map(bound => {
      const whys = capture ? unfollowed(bound, plans, capture.kind) : [];
      const also = bound.scope.reads
        .filter(({ oid, quoted }) => untold.has(oid) && !whys.some(({ table }) => table === quoted))
        .map(({ oid, quoted }) => ({ table: quoted, why: untold.get(oid) }));
      return {
        name: bound.name,
        unfollowed: [...new Set([...whys, ...also].map(({ table, why }) => `${table}: ${why}`))],
      };
    });
    await noteBacking(this.#parts.pool, capture !== undefined, backings);
    this.#untold = JSON.stringify([...untold]);
    this.#backed = new Set(backings.filter(one => one.unfollowed.length === 0).map(({ name }) => name));
  }

  /** What must be swept is noted, what waits long is kept, the rest is acknowledged. */
  async #settle(): Promise<void> {
    const { pool, tracer } = this.#parts;
    const capture = this.#capture;
    if (!capture) return;
    const toldUntil = capture.toldUntil();
    const { toSweep } = tracer;
    if (toSweep.gap !== undefined) await noteGap(pool, toSweep.gap);
    if (toSweep.stale.size > 0) await noteStale(pool, toSweep.stale);
    tracer.noted(toSweep);
    const now = performance.now();
    const briefly = now - this.#noted < 1_000;
    if (!briefly) for (const watch of tracer.watches) await this.#keep(watch, now);
    const { floor } = tracer;
    if (floor !== undefined) capture.acknowledge(floor);
    if (briefly) return;
    this.#noted = now;
    const verified = toldUntil ? tracer.verified(toldUntil) : new Map<string, Date>();
    await noteProgress(pool, tracer.told === undefined ? undefined : floor, tracer.size, verified);
    await this.#settleDoubts(verified);
  }

  async #keep({ bound, keys, lookUps }: Watch, now: number): Promise<void> {
    const { pool, tracer } = this.#parts;
    const before = now - patienceMs;
    const waiting = keys.holding(before);
    const dear = bound.costs.lateral * keys.size > bound.costs.whole && keys.size > mostKept;
    if (dear || (waiting.length > 0 && keys.size > 5 * mostKept)) {
      tracer.sweep(bound.name, `${keys.size} keys changed: looking at everything is cheaper`);
      keys.clear();
      await forgetKept(pool, bound.name);
    } else if (waiting.length > 0) {
      await keep(pool, bound, waiting);
      keys.letGo(waiting);
    }
    for (const { path, from } of lookUps) {
      if (from.holding(now - 2 * patienceMs).length === 0) continue;
      tracer.sweep(bound.name, `changes of ${path.relation.quoted} can't be followed in time`);
      from.clear();
    }
  }

  /** By now capture has told of everything that was committed when the sweep looked. */
  async #settleDoubts(verified: ReadonlyMap<string, Date>): Promise<void> {
    for (const [name, at] of this.#doubts) {
      // The clocks of two machines differ a little.
      if ((verified.get(name)?.getTime() ?? 0) < at + 5_000) continue;
      this.#doubts.delete(name);
      const escapes = this.#parts.tracer.of(name)?.keys.doubted() ?? 0;
      if (escapes > 0) {
        this.#backed.delete(name);
        await noteEscapes(this.#parts.pool, name, escapes);
      }
    }
  }

  async #end(): Promise<void> {
    const capture = this.#capture;
    this.#capture = undefined;
    this.#ended = undefined;
    await capture?.stop().catch(error => this.#parts.log.debug(describe(error)));
    if (!this.#parts.leader.lease) this.#parts.tracer.forget();
  }
}

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
  forgetLooked,
  isProved,
  keep,
  loadKept,
  noteBacking,
  noteEscapes,
  noteGap,
  noteKind,
  noteProgress,
  noteStale,
} from './progress.ts';
import { noteRanges } from './ranges.ts';
import type { Suspect } from './suspects.ts';
import type { Tracer, Watch } from './tracer.ts';
import { visibleNow } from './visible.ts';

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
/** So long capture may wait for room before neighbouring keys are made into ranges; ms. */
const crowdedMs = 500;
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
  /** Undefined: nothing is sure to be followed as it has to be. */
  #followed: readonly Bound[] | undefined;
  #backed: ReadonlySet<string> = new Set();
  #askAgainAt = 0;
  #noted = 0;
  #ended: Error | undefined;
  /** As it was when it was noted what backs each invariant. */
  #untold = '';
  /** Invariants with doubts, and when those arose, by the database's clock: noted a little later. */
  readonly #doubts = new Map<string, Date | undefined>();
  /** What is kept of these is to be forgotten. */
  readonly #givenUp = new Set<string>();

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
    if (this.#capture) await this.#settle(this.#capture).catch(() => {});
    await this.#end();
  }

  /** Does capture tell of every change that matters to it? */
  backs(name: string): boolean {
    return this.#capture !== undefined && this.#backed.has(name);
  }

  /** A sweep asks of these now. To be called with what it opened: did capture know? */
  doubt(name: string, keys: readonly Key[]): (opened: readonly Key[]) => Promise<void> {
    const watch = this.backs(name) ? this.#parts.tracer.of(name) : undefined;
    if (!watch || watch.bound.scope.clock) return async () => {};
    const doubted = watch.keys.doubt(keys);
    return async opened => {
      const proved = opened.length > 0 && (await isProved(this.#parts.pool, name));
      doubted(proved ? opened : []);
      if (proved) this.#doubts.set(name, undefined);
    };
  }

  async #tend(): Promise<void> {
    if (!this.#parts.leader.lease) return this.#end();
    if (this.#ended !== undefined) {
      const error = this.#ended;
      await this.#end();
      throw error;
    }
    if (!this.#capture && performance.now() >= this.#askAgainAt) await this.#begin();
    if (!this.#capture) return;
    await this.#follow(this.#capture);
    await this.#settle(this.#capture);
  }

  async #begin(): Promise<void> {
    const { pool, bindings, tracer, choose, log } = this.#parts;
    const bounds = bindings.own;
    const plans = capturePlan(bounds);
    const { capture, why } = await choose(plans);
    if (!capture) return this.#without(bounds, plans, why);
    const { kind } = capture;
    // What was not acknowledged is told again, and counted from another position.
    tracer.forget();
    tracer.follow(bounds, plans);
    const gapless = await noteKind(pool, kind, why);
    if (!gapless) tracer.gap(`capture by ${kind} begins`);
    try {
      await capture.start(plans, tracer);
    } catch (error) {
      await capture.stop().catch(() => {});
      // The process that led before it may hold the slot for a moment.
      if (isDown(error) || (error instanceof EvenkeelError && error.code === 'slot-busy')) throw error;
      return this.#without(bounds, plans, `capture by ${kind} failed: ${describe(error)}`);
    }
    this.#capture = capture;
    this.#followed = undefined;
    capture.ended.catch(error => {
      if (this.#capture !== capture) return;
      this.#ended = error instanceof Error ? error : new Error(String(error));
      this.#service.wake();
    });
    log.debug(`capturing by ${kind}: ${why}`);
  }

  /** Sweeps find everything until there can be a capture. */
  async #without(bounds: readonly Bound[], plans: readonly TablePlan[], why: string): Promise<void> {
    const { pool, log } = this.#parts;
    await noteKind(pool, 'sweeps', why);
    await this.#noteBacking(bounds, plans, undefined);
    this.#askAgainAt = performance.now() + askAgainMs;
    log.info(`finding by sweeps alone: ${why}`);
  }

  /** Definitions and tables change while we run. */
  async #follow(capture: Capture): Promise<void> {
    const { bindings, tracer } = this.#parts;
    const bounds = bindings.own;
    const same =
      bounds.length === this.#followed?.length && bounds.every((bound, i) => bound === this.#followed?.[i]);
    if (same && this.#untold === JSON.stringify([...capture.untold])) return;
    const plans = capturePlan(bounds);
    if (!same) {
      this.#followed = undefined;
      tracer.follow(bounds, plans);
      await capture.watch(plans);
      await this.#load();
    }
    await this.#noteBacking(bounds, plans, capture);
    this.#followed = bounds;
  }

  /** Kept by whoever led before, also in the moment in which it ended; or of what couldn't be asked for a while. */
  async #load(): Promise<void> {
    const { pool, tracer } = this.#parts;
    for (const one of await loadKept(pool)) tracer.of(one.invariant)?.keys.load(one, performance.now());
  }

  async #noteBacking(
    bounds: readonly Bound[],
    plans: readonly TablePlan[],
    capture: Capture | undefined,
  ): Promise<void> {
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
    this.#backed = await noteBacking(this.#parts.pool, capture !== undefined, backings);
    this.#untold = JSON.stringify([...untold]);
  }

  /** What must be swept is noted, what waits long is kept, the rest is acknowledged. */
  async #settle(capture: Capture): Promise<void> {
    const { pool, tracer } = this.#parts;
    const toldUntil = capture.toldUntil();
    const { gap, stale } = tracer.toSweep;
    if (gap !== undefined) await noteGap(pool, gap.why);
    const noted = await noteStale(pool, stale);
    for (const name of noted.keys()) if (this.#givenUp.delete(name)) await forgetKept(pool, name);
    tracer.noted({ gap, stale: noted });
    const now = performance.now();
    const briefly = now - this.#noted < 1_000;
    if (!briefly) for (const watch of tracer.watches) await this.#keep(watch, now);
    const crowd = tracer.crowding(now - crowdedMs);
    if (crowd) await this.#condense(crowd);
    const crowding = tracer.crowding(now - patienceMs);
    if (crowding) this.#giveUp(crowding, 'there was no room for changes of others');
    const { floor } = tracer;
    if (floor !== undefined) capture.acknowledge(floor);
    if (briefly) return;
    this.#noted = now;
    const verified = toldUntil ? tracer.verified(toldUntil) : new Map<string, Date>();
    const { at, visible } = await noteProgress(pool, floor, tracer.size, verified);
    for (const { all } of tracer.watches) for (const one of all) one.see(visible);
    await this.#settleDoubts(verified, at);
  }

  /** A sweep looks at everything instead; what is kept of it goes once that is noted. */
  #giveUp({ bound, all }: Watch, why: string): void {
    this.#parts.tracer.sweep(bound.name, why, new Set(all.flatMap(one => [...one.clear()])));
    this.#parts.tracer.drained();
    this.#givenUp.add(bound.name);
  }

  async #keep(watch: Watch, now: number): Promise<void> {
    const { pool, tracer } = this.#parts;
    const { bound, keys, lookUps } = watch;
    const dear = (n: number) => n > mostKept && bound.costs.lateral * n > bound.costs.whole;
    const many = keys.size > 5 * mostKept && keys.holding(now - patienceMs).length > 0;
    const apart = dear(keys.size) || many ? await this.#condense(watch) : 0;
    const waiting = keys.holding(now - patienceMs);
    if (apart > mostKept && (dear(apart) || (many && waiting.length > 0))) {
      this.#giveUp(watch, `${apart} keys changed: looking at everything is cheaper`);
    } else if (waiting.length > 0) keys.letGo(waiting, await keep(pool, bound, waiting));
    for (const { path, from } of lookUps) {
      if (from.holding(now - 2 * patienceMs).length === 0) continue;
      tracer.sweep(bound.name, `changes of ${path.relation.quoted} can't be followed in time`, from.clear());
    }
  }

  /**
   * Of the keys that lie close together, the range is noted and swept; those that lie apart wait on.
   * @returns how many; those that are told meanwhile may lie close together as well, and are none of them
   */
  async #condense({ bound, keys }: Watch): Promise<number> {
    const { pool, tracer, log } = this.#parts;
    const before = keys.size;
    // Only what can be seen by now: the sweep of a range begins as soon as it is noted.
    const taken = keys.take(Number.POSITIVE_INFINITY, performance.now(), await visibleNow(pool));
    let apart: readonly Suspect[] | undefined;
    try {
      apart = await noteRanges(pool, bound, taken);
    } finally {
      keys.back(apart ?? taken);
    }
    if (!apart) return before;
    const left = new Set(apart);
    const covered = taken.filter(one => !left.has(one));
    keys.done(covered, 0);
    log.debug(`${bound.name}: ${covered.length} neighbouring keys changed: their ranges are swept`);
    await forgetLooked(pool, bound.name, covered);
    tracer.drained();
    return before - covered.length;
  }

  /** Once everything is told that was committed when the sweep looked. */
  async #settleDoubts(verified: ReadonlyMap<string, Date>, now: Date): Promise<void> {
    for (const [name, at] of this.#doubts) {
      if (at === undefined) this.#doubts.set(name, now);
      if (at === undefined || (verified.get(name)?.getTime() ?? 0) <= at.getTime()) continue;
      this.#doubts.delete(name);
      const escapes = this.#parts.tracer.of(name)?.keys.doubted() ?? 0;
      if (escapes > 0 && (await noteEscapes(this.#parts.pool, name, escapes))) this.#followed = undefined;
    }
  }

  async #end(): Promise<void> {
    const capture = this.#capture;
    this.#capture = undefined;
    this.#ended = undefined;
    this.#givenUp.clear();
    await capture?.stop().catch(error => this.#parts.log.debug(describe(error)));
    if (!this.#parts.leader.lease) this.#parts.tracer.forget();
  }
}

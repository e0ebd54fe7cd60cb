import { keyId } from '../ask/ask.ts';
import { explain } from '../ask/mistake.ts';
import { type Pool, type Tx, describe, isCollision, isDown, sqlState, transaction } from '../db/pool.ts';
import type { Log } from '../log.ts';
import { forgetLooked } from '../watch/progress.ts';
import { lookUp } from '../watch/scope/keys.ts';
import type { Suspect } from '../watch/suspects.ts';
import type { LookUp, Tracer, Watch } from '../watch/tracer.ts';
import { visibleNow } from '../watch/visible.ts';
import { type Found, look } from './find.ts';
import { Pace } from './pace.ts';
import { snapshotOf } from './snapshot.ts';

export interface FinderParts {
  readonly pool: Pool;
  readonly tracer: Tracer;
  readonly log: Log;
  readonly limitMs: number;
  /** Violations were opened. */
  readonly opened: () => void;
  /** The invariant can't be asked. */
  readonly fail: (name: string, error: unknown) => Promise<void>;
}

/** So many keys in one look, at most: the more, the fewer rounds, each of which asks of all hot keys again. */
const most = 4_000;
/** One round of looks should be over in so many milliseconds: what is left comes next. */
const roundMs = 60;

/**
 * Takes suspects, those of each invariant oldest first, and looks: each is asked again once its change can be seen. A
 * commit is told before new snapshots see it (3 of 4,000 commits were missed by looking at once), so the snapshot is asked.
 */
export class Finder {
  readonly #parts: FinderParts;
  readonly #pace = new Pace();
  readonly #sizes = new Map<string, number>();
  /** Invariants that wait after a failure, until then. */
  readonly #waits = new Map<string, number>();
  readonly #turns = new Map<string, number>();
  #looks = 0;

  /** The last round found nothing to do: whatever arrives may be looked at right away. */
  idle = true;

  constructor(parts: FinderParts) {
    this.#parts = parts;
    parts.tracer.heard = at => this.#pace.committed(at);
  }

  /** One round; how many milliseconds to pause, or undefined: there was nothing to do. */
  async round(): Promise<number | undefined> {
    this.idle = false;
    const { tracer, pool, limitMs } = this.#parts;
    const began = performance.now();
    if (tracer.size === 0) {
      this.idle = true;
      return undefined;
    }
    const watches = tracer.watches
      .filter(({ bound }) => (this.#waits.get(bound.name) ?? 0) <= began)
      .filter(({ all }) => all.some(one => one.ready(began)))
      .map(watch => ({ watch, since: oldest(watch) }))
      .sort((a, b) => this.#turn(a.watch) - this.#turn(b.watch) || a.since - b.since)
      .map(({ watch }) => watch);
    const [first] = watches;
    if (!first) return shortly;
    const behind = Math.max(0, tracer.latest - Math.min(...watches.map(oldest)));
    const round = new Round();
    let opened = 0;
    try {
      const limits = { statement: limitMs, idle: 5_000, prepared: true, schemas: first.bound.schemas };
      await transaction(pool, limits, async tx => {
        const seen = await snapshotOf(tx);
        const { visible, listed } = seen;
        this.#pace.began(began, performance.now(), seen);
        for (const watch of watches) {
          round.now = watch;
          this.#turns.set(watch.bound.name, ++this.#looks);
          for (const one of watch.lookUps) await this.#trace(tx, round, watch, one, visible);
          opened += await this.#look(tx, round, watch, visible, listed.has(watch.bound.name));
          if (performance.now() - began > roundMs) break;
        }
        if (round.unlisted.length > 0) opened += await this.#again(tx, round);
      });
    } catch (error) {
      // What one query has used up (temporary files, memory) is no sign that the server is gone.
      const down = isDown(error) && !sqlState(error)?.startsWith('53');
      const size = round.now && !down ? round.taken(round.now) : 0;
      const failed = size > 0 ? round.now : undefined;
      round.giveBack(size === 1 ? failed : undefined);
      if (failed === undefined) throw error;
      await this.#failed(failed, size, error);
      return shortly;
    }
    this.#pace.ended(performance.now());
    round.finish();
    for (const { watch } of round.looks) this.#waits.delete(watch.bound.name);
    tracer.drained();
    if (opened > 0) this.#parts.opened();
    for (const { keys } of watches) keys.tidy(began);
    for (const { watch, suspects } of round.looks) await forgetLooked(pool, watch.bound.name, suspects);
    return round.looks.length + round.traces.length > 0
      ? this.#pace.pauseAfter(performance.now() - began, behind)
      : shortly;
  }

  /** Looks up which keys the waiting columns lead to; they are looked at in the same round. */
  async #trace(
    tx: Tx,
    round: Round,
    watch: Watch,
    { path, from }: LookUp,
    visible: (xid: string) => boolean,
  ): Promise<void> {
    const starts = from.take(this.#size(watch), performance.now(), visible);
    if (starts.length === 0) return;
    round.traces.push({ from, starts });
    const keys = await lookUp(
      tx,
      path,
      starts.map(({ key }) => key),
    );
    for (const { key, start } of keys) watch.keys.pass(key, starts[start] as Suspect);
  }

  async #look(
    tx: Tx,
    round: Round,
    watch: Watch,
    visible: (xid: string) => boolean,
    listed: boolean,
  ): Promise<number> {
    const { bound, keys } = watch;
    const began = performance.now();
    const suspects = keys.take(this.#size(watch), began, visible);
    const looked = { watch, suspects, until: 0 };
    // Taken already: whatever fails from here on, they are given back.
    round.looks.push(looked);
    // Hot keys are told again all the time: since the round began, too. Whoever went by that snapshot would never see all of it.
    if (keys.early && suspects.length < this.#size(watch)) {
      const now = await visibleNow(tx);
      suspects.push(...keys.take(this.#size(watch) - suspects.length, performance.now(), now));
    }
    if (suspects.length === 0) {
      round.looks.pop();
      return 0;
    }
    const { opened, violated } = await lookAt(tx, looked, listed);
    if (!listed && violated === 0) round.unlisted.push(looked);
    const now = performance.now();
    const rest = this.#pace.restAfter((now - began) / suspects.length);
    if (rest > 0) looked.until = now + rest;
    if (now - began < this.#parts.limitMs / 4)
      this.#sizes.set(bound.name, Math.min(most, this.#size(watch) * 2));
    return opened.length;
  }

  /** A sweep may have listed, since the round began, what was looked at as if nothing were listed. */
  async #again(tx: Tx, round: Round): Promise<number> {
    const { listed } = await snapshotOf(tx);
    let opened = 0;
    for (const looked of round.unlisted.filter(({ watch }) => listed.has(watch.bound.name))) {
      round.now = looked.watch;
      opened += (await lookAt(tx, looked, true)).opened.length;
    }
    return opened;
  }

  /** Whoever was looked at longest ago comes first: a long line of dear ones mustn't hold up all others. */
  #turn({ bound }: Watch): number {
    return this.#turns.get(bound.name) ?? 0;
  }

  #size({ bound }: Watch): number {
    return this.#sizes.get(bound.name) ?? most;
  }

  /** Fewer next time, until the one is found that can't be asked; that one rests for a minute. */
  async #failed(watch: Watch, size: number, error: unknown): Promise<void> {
    const { log, fail } = this.#parts;
    const { name } = watch.bound;
    this.#sizes.set(name, Math.max(1, Math.floor(size / 8)));
    if (isCollision(error) && size > 1) return;
    this.#waits.set(name, performance.now() + 10_000);
    const told = explain(error, watch.bound.invariant);
    log.warn(`${name}: ${describe(told)}`);
    await fail(name, told);
  }
}
const shortly = 20;

interface Look {
  readonly watch: Watch;
  readonly suspects: readonly Suspect[];
  until: number;
}

const lookAt = (tx: Tx, { watch, suspects }: Look, listed: boolean): Promise<Found> =>
  look(
    tx,
    watch.bound,
    suspects.map(({ key }) => key),
    () => new Map(suspects.map(one => [keyId(one.key), causeOf(one)])),
    listed,
  );

/** What one round took: given back where its transaction doesn't commit. */
class Round {
  now: Watch | undefined;
  readonly traces: { from: LookUp['from']; starts: Suspect[] }[] = [];
  readonly looks: Look[] = [];
  /** Those of whose invariant nothing was listed, and that found nothing. */
  readonly unlisted: Look[] = [];

  finish(): void {
    for (const { from, starts } of this.traces) from.done(starts, 0);
    for (const { watch, suspects, until } of this.looks) watch.keys.done(suspects, until);
  }

  /** So many were asked at once; none: what failed is no fault of the invariant. */
  taken(watch: Watch): number {
    const starts = this.traces.filter(({ from }) => watch.lookUps.some(one => one.from === from));
    const looks = this.looks.filter(one => one.watch === watch);
    return Math.max(0, ...starts.map(one => one.starts.length), ...looks.map(one => one.suspects.length));
  }

  /** @param alone its one suspect can't be asked: it rests, so that others have their turn */
  giveBack(alone: Watch | undefined): void {
    const until = performance.now() + 60_000;
    for (const { from, starts } of this.traces)
      from.back(starts, alone?.lookUps.some(one => one.from === from) ? until : 0);
    for (const { watch, suspects } of this.looks) watch.keys.back(suspects, watch === alone ? until : 0);
  }
}

const oldest = ({ all }: Watch): number => Math.min(...all.flatMap(({ since }) => since ?? []));

const causeOf = ({ cause, others }: Suspect): object => (others > 0 ? { ...cause, others } : cause);

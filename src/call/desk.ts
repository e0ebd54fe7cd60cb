import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bound } from '../ask/bind.ts';
import type { Call, Subject } from '../declare/call.ts';
import type { Limit } from '../declare/limit.ts';
import type { Source } from '../declare/from.ts';
import type { Invariant } from '../declare/invariant.ts';
import { callOf } from '../declare/remedy.ts';
import { EvenkeelError } from '../errors.ts';
import { type Key, type Values, valuesOf } from '../ask/ask.ts';
import type { Ward } from '../heal/batch.ts';
import type { Budget } from '../limits/budget.ts';
import type { Limits } from '../limits/limits.ts';
import type { Log } from '../log.ts';
import { Service } from '../service.ts';
import { type Concluded, type Said, conclude, concluded } from './conclude.ts';
import { Errand } from './errand.ts';
import { type Ended, handle } from './handle.ts';
import { type Leased, dueCalls, giveBack, idempotencyKey, lease, leaseSeconds, renew } from './lease.ts';

export interface DeskParts {
  readonly ward: Ward;
  readonly limit: Limit;
  readonly limits: Limits;
  /** The invariants under this limit that this process stands for. */
  readonly own: () => readonly Bound[];
  /** The invariant can't be asked, or written. */
  readonly fail: (bound: Bound, error: unknown) => Promise<void>;
  /** Asks a source once more, before what it says is written. */
  readonly confirm: (
    bound: Bound,
    source: Source,
    keys: readonly Key[],
    errand: Errand,
  ) => Promise<Ended<readonly Said[]>>;
  readonly log: Log;
}

/** Between two looks whether anything is due; ms. */
const lookMs = 200;
/** A stop waits so long for requests that are under way; ms. */
const finishMs = 3_000;
/** No wait is slept through here: what is due later stays in the ledger. */
const longestRestMs = 1_000;
/** So often may a process die over a violation before a person decides. */
const mostDeaths = 5;
/** A collision with the application is tried again so often, in so many ms. */
const tries = 5;
const againMs = 200;

/**
 * Asks one upstream, as fast as its limit allows: violations are leased in the ledger, handlers run beside each other, and what they
 * answer is written in batches while further requests are out. Only what can be sent within seconds is leased, so a limit that is
 * blocked leaves everything in the ledger.
 */
export class Desk {
  readonly #parts: DeskParts;
  readonly #service: Service;
  readonly #beat: Service;
  readonly #most: number;
  /** Handlers that run, with what they run on. */
  readonly #runs = new Map<Errand, readonly Leased[]>();
  /** Ends of runs, to be written. */
  readonly #ended = new Map<Bound, Concluded[]>();
  #writing: Promise<void> | undefined;
  #restUntil = 0;
  #turn = 0;
  #stopping = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    const { limit, log } = parts;
    // As many as are sent within two seconds: most upstreams answer sooner.
    this.#most = limit.concurrency ?? Math.min(256, Math.max(4, Math.ceil(2 * limit.rate)));
    this.#service = new Service(`limit ${limit.name}`, lookMs, log, async () => (await this.#round()).rest);
    this.#beat = new Service(`limit ${limit.name}`, (leaseSeconds * 1_000) / 3, log, () =>
      renew(parts.ward.pool, parts.limits.holder, this.#held()),
    );
  }

  start(): void {
    this.#service.start();
    this.#beat.start();
  }

  wake(): void {
    this.#service.wake();
  }

  /** Until nothing is due, or the limit lets nothing through for a while. */
  async drain(): Promise<void> {
    this.#beat.start();
    for (;;) {
      const { leased } = await this.#round();
      if (leased === 0 && this.#runs.size === 0) return;
      await delay(10);
    }
  }

  /** Requests that are under way may end; what they were about goes back to the ledger otherwise. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#service.stop();
    const patience = AbortSignal.timeout(finishMs);
    while (this.#runs.size > 0 && !patience.aborted) await delay(20);
    for (const errand of this.#runs.keys()) errand.abort('Evenkeel stops');
    while (this.#runs.size > 0 || this.#writing) await delay(5);
    await this.#beat.stop();
  }

  /** Starts as many runs as there is room for; how many violations they are about. */
  async #round(): Promise<{ leased: number; rest?: number }> {
    const { ward, limit, limits, own, fail } = this.#parts;
    const bounds = own();
    if (bounds.length === 0 || this.#runs.size >= this.#most) return { leased: 0 };
    const budget = limits.budget(limit);
    const rest = Math.max(budget.blockedMs, this.#restUntil - performance.now());
    if (rest > lookMs) return { leased: 0, rest: Math.min(rest, longestRestMs) };
    const waiting = await dueCalls(
      ward.pool,
      bounds.map(({ name }) => name),
    );
    const turns = bounds.filter(({ name }) => waiting.has(name));
    // Each has the first turn in its turn.
    const first = this.#turn++ % Math.max(1, turns.length);
    let total = 0;
    for (const bound of [...turns.slice(first), ...turns.slice(0, first)]) {
      const call = callFor(bound.invariant) as Call;
      const size = call.batch ?? 1;
      const room = this.#most - this.#runs.size;
      if (room <= 0 || this.#stopping) break;
      try {
        const leased = await lease(ward, bound, {
          holder: limits.holder,
          most: Math.min(1_000, room * size),
          seconds: leaseSeconds,
          counts: false,
          often: mostDeaths,
          tooOften: `its process died, or lost its lease, ${mostDeaths} times`,
        });
        total += leased.length;
        for (let i = 0; i < leased.length; i += size)
          void this.#run(bound, call, budget, leased.slice(i, i + size));
      } catch (error) {
        if (!(error instanceof EvenkeelError)) throw error;
        await fail(bound, error);
      }
    }
    return { leased: total };
  }

  async #run(bound: Bound, call: Call, budget: Budget, leased: readonly Leased[]): Promise<void> {
    const { source } = bound.invariant;
    // Whoever only reads wants to know how it is now, not what was answered last time.
    const key = source ? randomUUID() : idempotencyKey(bound, leased);
    const errand = new Errand(budget, this.#parts.limit.headers, key, call.timeoutMs);
    this.#runs.set(errand, leased);
    const ended = source
      ? await this.#parts.confirm(
          bound,
          source,
          leased.map(({ claimed }) => claimed.key),
          errand,
        )
      : await handle(
          call,
          leased.map(one => subjectOf(bound, one)),
          errand,
        );
    if (ended.did === 'refused') this.#restUntil = Math.max(this.#restUntil, performance.now() + ended.ms);
    const stopped = this.#stopping && ended.did === 'failed' && errand.signal.aborted;
    const all = concluded(leased, stopped ? { did: 'refused', why: 'Evenkeel stopped', ms: 0 } : ended);
    this.#ended.set(bound, [...(this.#ended.get(bound) ?? []), ...all]);
    this.#writing ??= this.#write();
    await this.#writing;
    this.#runs.delete(errand);
    // Leased in blocks: one look for each that ended would be many.
    if (this.#runs.size <= this.#most / 2) this.#service.wake();
  }

  /** Writes down what has ended, one batch after another: while one is written, the next gathers. */
  async #write(): Promise<void> {
    try {
      for (let [next] = this.#ended; next; [next] = this.#ended) {
        const [bound, all] = next;
        this.#ended.delete(bound);
        await this.#settle(bound, all);
      }
    } finally {
      // In the moment in which there was no more: what ends a moment later would be waited for, and never written.
      this.#writing = undefined;
    }
  }

  async #settle(bound: Bound, all: readonly Concluded[]): Promise<void> {
    const { ward, limits, fail, log } = this.#parts;
    try {
      for (let i = 0; i < tries; i++) {
        const { collided } = await conclude(ward, bound, limits.holder, all);
        if (!collided) return await this.#release(bound, all, "it can't be written now");
        if (all.length > 1) {
          const half = Math.ceil(all.length / 2);
          await this.#settle(bound, all.slice(0, half));
          return await this.#settle(bound, all.slice(half));
        }
        await delay(againMs * (0.5 + Math.random()));
      }
      await this.#release(bound, all, 'another transaction holds the row');
    } catch (error) {
      // The leases run out by themselves; the upstream knows the requests that come again.
      if (error instanceof EvenkeelError) await fail(bound, error);
      else log.warn(`${bound.name}: ${(error as Error).message}`);
    }
  }

  /** Whatever of these is still ours is anybody's again, in a second. */
  async #release(bound: Bound, all: readonly Concluded[], why: string): Promise<void> {
    const { ward, limits } = this.#parts;
    const back = all.map(({ leased: { claimed } }) => ({
      id: claimed.id,
      why,
      ms: 1_000 * (0.5 + Math.random()),
      claims: 0,
    }));
    await giveBack(ward.pool, bound, limits.holder, back);
  }

  #held(): string[] {
    return [...this.#runs.values()].flatMap(leased => leased.map(({ claimed }) => claimed.id));
  }
}

function subjectOf({ key }: Bound, { claimed, violation, opened }: Leased): Subject {
  const names = key.map(({ name }) => name);
  return {
    key: plain(valuesOf(names, claimed.key)),
    // Of a broken row the ledger has both: what the query says, and what stands in the columns of the same names.
    evidence: { ...plain(violation.evidence), ...plain(violation.wanted) },
    openedAt: new Date(Number(opened) / 1_000),
    attempt: claimed.attempts + 1,
  };
}

const plain = (values: Values): Record<string, string | null> => ({ ...values });

/** How its upstream is asked before it is healed; undefined: it isn't. */
export const callFor = ({ heal, source }: Invariant): Call | undefined =>
  source
    ? { do: 'call', handler: 'get', limit: source.limit, batch: source.batch, timeoutMs: source.timeoutMs }
    : callOf(heal);

import { setTimeout as delay } from 'node:timers/promises';
import type { Bound } from '../ask/bind.ts';
import { type Leased, dueCalls, giveBack, idempotencyKey, lease } from '../call/lease.ts';
import { describe } from '../db/pool.ts';
import type { Config } from '../config.ts';
import type { Celery } from '../declare/celery.ts';
import type { Invariant } from '../declare/invariant.ts';
import { limitFor, taskOf } from '../declare/remedy.ts';
import { EvenkeelError } from '../errors.ts';
import { pulse } from '../find/ledger.ts';
import type { Ward } from '../heal/batch.ts';
import { Blocked, type Budget } from '../limits/budget.ts';
import type { Limits } from '../limits/limits.ts';
import type { Log } from '../log.ts';
import type { Bindings } from '../roster/bindings.ts';
import { Service } from '../service.ts';
import { type Broker, brokerFor } from './broker.ts';
import { type Given, Unroutable, messageOf } from './message.ts';

export interface CourierParts {
  readonly ward: Ward;
  readonly limits: Limits;
  /** The invariants that are healed by Celery, of those that this process stands for. */
  readonly own: () => readonly Bound[];
  readonly broker: Broker;
  readonly fail: (bound: Bound, error: unknown) => Promise<void>;
  readonly log: Log;
}

const lookMs = 200;
/** Sent beside each other, at most. */
const most = 500;
/** A broker that is down is tried again after so long; ms. */
const againMs = 2_000;
/** So often a violation is handed over before a person decides. */
const often = 5;
/** What marks violations as Celery's: any process may hand them over again. */
const holder = 'celery';

/**
 * Hands violations to Celery: leased in the ledger first, for as long as the worker may take, then sent, at the pace of their limit.
 * Whatever dies in between, they are handed over again when that time is over and the invariant, asked again, says that it is so.
 */
export class Courier {
  readonly #parts: CourierParts;
  readonly #service: Service;
  /** The broker takes nothing until then; and nothing of one invariant, by name. */
  #restUntil = 0;
  readonly #rests = new Map<string, number>();
  #trouble: string | undefined;

  constructor(parts: CourierParts) {
    this.#parts = parts;
    this.#service = new Service('celery', lookMs, parts.log, async () => {
      const rest = this.#restUntil - performance.now();
      if (rest > 0) return Math.min(rest, 1_000);
      return (await this.#round()) > 0 ? 0 : undefined;
    });
  }

  start(): void {
    this.#service.start();
  }

  wake(): void {
    this.#service.wake();
  }

  /** Hands over what is due. */
  async drain(): Promise<void> {
    while ((await this.#round()) > 0 && this.#restUntil < performance.now()) await delay(1);
  }

  async stop(): Promise<void> {
    await this.#service.stop();
    await this.#parts.broker.close();
  }

  /** How many were handed over. */
  async #round(): Promise<number> {
    const { ward, limits, own, fail } = this.#parts;
    const bounds = own();
    if (bounds.length === 0) return 0;
    const waiting = await dueCalls(
      ward.pool,
      bounds.map(({ name }) => name),
    );
    let sent = 0;
    for (const bound of bounds) {
      if (!waiting.has(bound.name) || performance.now() < (this.#rests.get(bound.name) ?? 0)) continue;
      const limit = limitFor(bound.invariant.heal);
      const budget = limit && limits.budget(limit);
      try {
        // No more than go out within about a second.
        sent += await this.#hand(bound, budget, Math.min(most, Math.ceil(limit?.rate ?? most)));
      } catch (error) {
        if (!(error instanceof EvenkeelError)) throw error;
        await fail(bound, error);
      }
    }
    return sent;
  }

  async #hand(bound: Bound, budget: Budget | undefined, count: number): Promise<number> {
    const { ward } = this.#parts;
    const task = taskOf(bound.invariant.heal) as Celery;
    const leased = await lease(ward, bound, {
      holder,
      most: count,
      seconds: task.withinMs / 1_000,
      counts: true,
      often,
      tooOften: `${task.task} was handed to Celery ${often} times, and it is still so: is there a worker that knows it, on the queue ${task.queue}?`,
    });
    const ends = await Promise.all(leased.map(one => this.#send(bound, task, budget, one)));
    const sent = leased.filter((_, i) => ends[i] === undefined);
    await ward.pool.query(
      `update evenkeel.violation set due_at = clock_timestamp() + make_interval(secs => $3), reason = null
        where invariant = $1 and id = any($2::bigint[]) and state = 'claimed' and claimed_by = $4`,
      [bound.name, sent.map(({ claimed }) => claimed.id), task.withinMs / 1_000, holder],
    );
    // As if these had never been taken.
    const unsent = leased.flatMap((one, i) =>
      ends[i] ? [{ id: one.claimed.id, claims: one.claims - 1, ...ends[i] }] : [],
    );
    await giveBack(ward.pool, bound, holder, unsent);
    if (unsent.length > 0) await pulse(ward.pool, bound.name, { written: -unsent.length });
    return sent.length;
  }

  /** Undefined: it is with the broker; else why not, and when to try again. */
  async #send(
    bound: Bound,
    task: Celery,
    budget: Budget | undefined,
    leased: Leased,
  ): Promise<{ why: string; ms: number } | undefined> {
    try {
      const message = messageOf(
        task,
        column => given(bound, leased, column),
        bound.key.map(({ name }) => name),
        idempotencyKey(bound, [leased]),
        leased.claims,
      );
      const permit = await budget?.take(1, againMs);
      try {
        await this.#parts.broker.send(message);
      } finally {
        if (permit) await budget?.release(permit);
      }
      if (this.#trouble !== undefined) this.#parts.log.info('celery: the broker takes tasks again');
      this.#trouble = undefined;
      return undefined;
    } catch (error) {
      if (error instanceof Blocked) return { why: error.message, ms: error.ms };
      const why = `it can't be handed to Celery: ${describe(error)}`;
      if (why !== this.#trouble) this.#parts.log.warn(`${bound.name}: ${why}`);
      this.#trouble = why;
      // A queue that is not there is one invariant's trouble; the others go on.
      if (error instanceof Unroutable) this.#rests.set(bound.name, performance.now() + againMs);
      else this.#restUntil = performance.now() + againMs;
      return { why, ms: againMs * (1 + Math.random()) };
    }
  }
}

/** Undefined where nothing is handed to Celery. @throws no-broker, no-client */
export async function createCourier(
  ward: Ward,
  bindings: Bindings,
  limits: Limits,
  invariants: readonly Invariant[],
  { brokerUrl, mode }: Pick<Config, 'brokerUrl' | 'mode'>,
  log: Log,
): Promise<Courier | undefined> {
  const handed = invariants.find(({ heal }) => taskOf(heal));
  if (!handed || mode === 'observe') return undefined;
  if (!brokerUrl) {
    throw new EvenkeelError('no-broker', `'${handed.name}' is healed by Celery, and no broker is set`, {
      place: handed.place,
    });
  }
  return new Courier({
    ward,
    limits,
    own: () => bindings.own.filter(({ invariant }) => taskOf(invariant.heal)),
    broker: await brokerFor(brokerUrl),
    fail: ({ name }, error) => bindings.setAside(name, error),
    log,
  });
}

/** What the result says, or where it says nothing the row; as text, and of which type. */
function given(bound: Bound, { claimed, violation }: Leased, name: string): Given {
  const at = bound.key.findIndex(column => column.name === name);
  if (at >= 0) return { text: claimed.key[at] ?? null, family: bound.key[at]?.family ?? 0 };
  const { wanted, evidence } = violation;
  const text = (name in wanted ? wanted[name] : evidence[name]) ?? null;
  return { text, family: bound.columns.find(column => column.name === name)?.family ?? 0 };
}

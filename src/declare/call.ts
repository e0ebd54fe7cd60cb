import { Fault } from './fault.ts';
import { didYouMean } from './guess.ts';
import { type Limit, isLimit } from './limit.ts';
import { placed } from './place.ts';
import type { Remedy } from './remedy.ts';
import { what } from './sql.ts';
import { duration } from './values.ts';

/** A violation, as a handler gets it. Values are Postgres text. */
export interface Subject {
  readonly key: Readonly<Record<string, string | null>>;
  /** What the invariant's query says of it. */
  readonly evidence: Readonly<Record<string, string | null>>;
  readonly openedAt: Date;
  /** From 1 on; being refused because of a limit is no attempt. */
  readonly attempt: number;
}

/** The way to the upstream, under its limit. */
export interface Upstream {
  /**
   * The platform's fetch, once it is this request's turn. What the answer says of the limit is read, and holds for every process. An
   * `Idempotency-Key` is sent: the same for the same violation, whichever process tries it again. It throws for refusals, 5xx,
   * redirects, answers of more than 8 MB and after `timeout`: to let it through is right, the violation is tried again.
   */
  readonly fetch: typeof globalThis.fetch;
  /** Waits for the turn of a request of so many units, which the next `fetch` uses, or a client of your own. */
  readonly reserve: (weight: number) => Promise<void>;
  /** The request before cost so many units. */
  readonly spent: (weight: number) => Promise<void>;
  /** Aborted when the time is over, or Evenkeel stops. */
  readonly signal: AbortSignal;
  /** What `fetch` sends as `Idempotency-Key` with its first request that isn't GET or HEAD; later ones have `-2`, `-3`… after it. */
  readonly idempotencyKey: string;
}

/** What a handler may answer: it goes through the same guarded, verified, journaled transaction as any heal. */
export type Answer = Extract<Remedy, { do: 'set' | 'assign' | 'remove' | 'park' }>;

export type Handler = (subject: Subject, upstream: Upstream) => Answer | Promise<Answer>;
/** One answer for each, in their order. */
export type BatchHandler = (
  subjects: readonly Subject[],
  upstream: Upstream,
) => readonly Answer[] | Promise<readonly Answer[]>;

export interface CallOptions {
  /** The handler gets up to so many violations at once. Default: one, by itself. */
  batch?: number;
  /** How long a handler may take, waiting for its turn not counted. Default: `30s`. */
  timeout?: string;
}

/** Asks an upstream: `handler` is given a violation and the way there, and answers with what to write. */
export type Call = Extract<Remedy, { do: 'call' }>;

const words = ['batch', 'timeout'];

/**
 * Heals by asking an upstream, under its limit.
 * @throws EvenkeelError `bad-remedy`, placed at the line of the call
 */
export function call(limit: Limit, handler: Handler, options?: CallOptions & { batch?: never }): Call;
export function call(limit: Limit, handler: BatchHandler, options: CallOptions & { batch: number }): Call;
export function call(limit: Limit, handler: Handler | BatchHandler, options: CallOptions = {}): Call {
  return placed('bad-remedy', call, () => made(limit, handler, options));
}

function made(limit: unknown, handler: unknown, options: CallOptions): Call {
  if (!isLimit(limit)) {
    throw new Fault(`call(limit, handler) takes a limit, not ${what(limit)}`, {
      hint: "Declare it: const stripe = limit('stripe', { rate: '100/s' }).",
    });
  }
  if (typeof handler !== 'function')
    throw new Fault(`call(limit, handler) takes a function, not ${what(handler)}`);
  const odd = Object.keys(options).find(key => !words.includes(key));
  if (odd !== undefined) throw new Fault(`call: unknown option '${odd}'${didYouMean(odd, words)}`);
  const { batch, timeout = '30s' } = options;
  if (batch !== undefined && !(Number.isInteger(batch) && batch >= 1 && batch <= 1_000))
    throw new Fault(`call: batch: expected a whole number from 1 to 1000, found ${what(batch)}`);
  if (typeof timeout !== 'string')
    throw new Fault(`call: timeout: expected a string such as '30s', found ${what(timeout)}`);
  const remedy: Call = {
    do: 'call',
    handler: handler.name === '' ? limit.name : handler.name,
    limit,
    batch,
    timeoutMs: duration(timeout, 100),
  };
  return handled(remedy, handler as Handler | BatchHandler);
}

/** With its function, which is no part of the data: it isn't printed, compared or hashed. */
export const handled = (remedy: Call, run: Handler | BatchHandler): Call =>
  Object.freeze(Object.defineProperty({ ...remedy }, 'run', { value: run }));

export const isCall = (value: unknown): value is Call =>
  typeof value === 'object' && value !== null && (value as Remedy).do === 'call' && 'limit' in value;

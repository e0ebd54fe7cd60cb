import type { Dialect } from '../declare/limit.ts';
import type { Answer, Told } from './answer.ts';
import { clamped } from './when.ts';

export type Names = readonly [limit: string, remaining: string, reset: string];

/** How a well-known upstream speaks of its limit, where it differs from most. */
export interface Preset {
  /** Headers: how many, how many are left, until when. Of several that are there the slowest counts. */
  readonly names?: readonly Names[];
  /** The window of its limit, which no header tells. */
  readonly windowMs?: number;
  /** `full`: its reset says when everything is replenished, which is no time to wait for. */
  readonly resetIs?: 'full';
  /** The unit of structured RateLimit fields that counts (`qu`). Default: requests. */
  readonly unit?: string;
  /** After a refusal that names no time. */
  readonly leastWaitMs?: number;
  /** It also refuses with 403. */
  readonly forbids?: boolean;
  /** Undefined: the status decides. */
  readonly refused?: (answer: Answer) => boolean | undefined;
  /** Where it says it in a way of its own; undefined: in headers. */
  readonly read?: (answer: Answer) => Omit<Told, 'refused'> | undefined;
}

const minute = 60_000;
const hour = 60 * minute;

/** docs: ../../docs/limits.md has a line for each. */
export const presets = {
  /** Hourly, as epoch seconds; 403 or 429; without a time at least a minute (its best practices). */
  github: {
    names: [['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']],
    windowMs: hour,
    forbids: true,
    leastWaitMs: minute,
    refused: ({ status, body }) =>
      status === 403 && /secondary rate limit|abuse/i.test(textAt(body, 'message') ?? '') ? true : undefined,
  },
  /** Says only that it was too much. A 429 for a lock on one object is no limit. */
  stripe: {
    refused: ({ status, body }) =>
      status === 429 && textAt(body, 'error', 'code') === 'lock_timeout' ? false : undefined,
  },
  /** A leaky bucket that empties in twenty seconds on every plan: `32/40`; GraphQL has it in the body, where a refusal is a 200. */
  shopify: {
    refused: ({ body }) => (throttled(body) ? true : undefined),
    read: ({ headers, body }) => cost(body) ?? bucket(headers.get('x-shopify-shop-api-call-limit')),
  },
  openai: openai('requests'),
  'openai-tokens': openai('tokens'),
  anthropic: anthropic('requests'),
  'anthropic-tokens': anthropic('tokens'),
  'anthropic-input-tokens': anthropic('input-tokens'),
  'anthropic-output-tokens': anthropic('output-tokens'),
  /** Names the error, mostly with a 400, and no time. */
  aws: {
    refused: ({ headers, body }) => {
      const code = headers.get('x-amzn-errortype') ?? textAt(body, '__type') ?? textAt(body, 'code') ?? '';
      return throttling.test(code.replace(/^.*#/, '')) ? true : undefined;
    },
  },
} as const satisfies Readonly<Record<Exclude<Dialect, 'common'>, Preset>>;

/** A minute's limits, whose reset says when all is replenished. */
function perMinute(...headers: readonly ((name: 'limit' | 'remaining' | 'reset') => string)[]): Preset {
  return {
    names: headers.map(header => [header('limit'), header('remaining'), header('reset')]),
    windowMs: minute,
    resetIs: 'full',
  };
}

/** The account's, and its project's. Resets are Go durations. */
function openai(unit: string): Preset {
  return perMinute(
    name => `x-ratelimit-${name}-${unit}`,
    name => `x-ratelimit-${name}-project-${unit}`,
  );
}
/** Resets are RFC 3339. Of `priority` nothing is read: what is beyond it goes under the usual limit. */
function anthropic(unit: string): Preset {
  return perMinute(
    name => `anthropic-ratelimit-${unit}-${name}`,
    name => `anthropic-fast-${unit}-${name}`,
  );
}

/** As AWS's own clients have it (`ThrottlingException` and its like), in a header or in the body. */
const throttling =
  /^(Throttl(ed|ing)(Exception)?|ThrottledException|RequestThrottled(Exception)?|RequestLimitExceeded|TooManyRequestsException|ProvisionedThroughputExceededException|BandwidthLimitExceeded|EC2ThrottledException|SlowDown|PriorRequestNotComplete|TransactionInProgressException|LimitExceededException)(:|$)/;

function bucket(text: string | null): Omit<Told, 'refused'> | undefined {
  const [, used = '', size = ''] = /^(\d{1,9})\/(\d{1,9})$/.exec(text?.trim() ?? '') ?? [];
  const units = Number(size);
  if (units <= 0) return undefined;
  return { quota: { units, windowMs: 20_000 }, left: { units: Math.max(0, units - Number(used)) } };
}

function cost(body: unknown): Omit<Told, 'refused'> | undefined {
  const [most, now, restored] = ['maximumAvailable', 'currentlyAvailable', 'restoreRate'].map(name =>
    numberAt(body, 'extensions', 'cost', 'throttleStatus', name),
  );
  if (!most || !restored || now === undefined || most <= 0 || restored <= 0 || now < 0) return undefined;
  const spent = numberAt(body, 'extensions', 'cost', 'actualQueryCost');
  // What was asked for and is not there yet.
  const short = throttled(body) ? (numberAt(body, 'extensions', 'cost', 'requestedQueryCost') ?? 0) - now : 0;
  const waitMs = short > 0 ? clamped((1_000 * short) / restored) : undefined;
  return {
    quota: { units: most, windowMs: (1_000 * most) / restored },
    left: { units: now },
    ...(spent !== undefined && spent >= 0 && { spent }),
    ...(waitMs !== undefined && { waitMs }),
  };
}

function throttled(body: unknown): boolean {
  const errors = at(body, 'errors');
  return Array.isArray(errors) && errors.some(error => textAt(error, 'extensions', 'code') === 'THROTTLED');
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

const textAt = (value: unknown, ...path: readonly string[]): string | undefined => {
  const found = at(value, ...path);
  return typeof found === 'string' ? found.slice(0, 1_000) : undefined;
};

const numberAt = (value: unknown, ...path: readonly string[]): number | undefined => {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) && Math.abs(found) <= 1e9 ? found : undefined;
};

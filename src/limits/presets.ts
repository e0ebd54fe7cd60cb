import type { Dialect } from '../declare/limit.ts';
import type { Answer, Told } from './answer.ts';

/** How a well-known upstream speaks of its limit, where it differs from most. */
export interface Preset {
  /** Headers: how many, how many are left, until when. */
  readonly names?: readonly [limit: string, remaining: string, reset: string];
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
    names: ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'],
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
} as const satisfies Readonly<Record<Exclude<Dialect, 'common'>, Preset>>;

/** A minute's limit, whose reset says when all of it is replenished. */
function perMinute(header: (name: 'limit' | 'remaining' | 'reset') => string): Preset {
  return {
    names: [header('limit'), header('remaining'), header('reset')],
    windowMs: minute,
    resetIs: 'full',
  };
}

/** Resets are Go durations. */
function openai(unit: string): Preset {
  return perMinute(name => `x-ratelimit-${name}-${unit}`);
}
/** Resets are RFC 3339. */
function anthropic(unit: string): Preset {
  return perMinute(name => `anthropic-ratelimit-${unit}-${name}`);
}

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
  return {
    quota: { units: most, windowMs: (1_000 * most) / restored },
    left: { units: now },
    ...(spent !== undefined && spent >= 0 && { spent }),
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

import { Fault } from './fault.ts';
import { didYouMean } from './guess.ts';
import { placed } from './place.ts';
import { what } from './sql.ts';
import { name, oneOf } from './values.ts';

/** How fast an upstream may be asked, by all processes together. What the upstream says of its limit goes before it. */
export interface Limit {
  readonly name: string;
  /** Units a second, more than 0. A request is one unit unless its weight is told. */
  readonly rate: number;
  /** Units at once. Where the upstream counts a window that slides, 1. */
  readonly burst: number;
  /** Requests at a time; undefined: any. */
  readonly concurrency: number | undefined;
  /** How the upstream speaks of its limit. */
  readonly headers: Dialect;
}

export interface LimitDefinition {
  /** `100/s`, `60/min`, `5000/hour`, `10000/day`. */
  rate: Rate;
  /** Units at once. Default: 1. */
  burst?: number;
  /** Requests at a time. Default: any. */
  concurrency?: number;
  /** Whose headers to read. Default: `common`, what most send. */
  headers?: Dialect;
}
export type Rate = `${number}/${keyof typeof seconds}`;

const seconds = { s: 1, min: 60, hour: 3_600, day: 86_400 } as const;
const words = ['rate', 'burst', 'concurrency', 'headers'];
/** Which headers to read: those of a well-known upstream, or what most of them send. */
export const dialects = [
  'common',
  'github',
  'stripe',
  'shopify',
  'openai',
  'openai-tokens',
  'anthropic',
  'anthropic-tokens',
  'anthropic-input-tokens',
  'anthropic-output-tokens',
  'aws',
] as const;
export type Dialect = (typeof dialects)[number];

// Two copies of the package may meet in one process: a shared symbol, not instanceof.
const brand = Symbol.for('evenkeel.limit');

/**
 * Declares a limit. One name is one budget, whoever uses it.
 * @throws EvenkeelError `bad-definition`, placed at the line of the call
 */
export function limit(given: string, definition: LimitDefinition): Limit {
  const before = `limit ${typeof given === 'string' ? given : ''}: `;
  return placed('bad-definition', limit, () => made(given, definition), before);
}

/** The same where only the rate is told, as in a header. */
export const limitOf = (given: string, rate: string): Limit => made(given, { rate: rate as Rate });

function made(given: string, definition: LimitDefinition): Limit {
  if (typeof given !== 'string') throw new Fault(`limit(name, { rate }) takes a string, not ${what(given)}`);
  if (typeof definition !== 'object' || definition === null)
    throw new Fault(`limit(name, { rate }) takes an object, not ${what(definition)}`);
  const odd = Object.keys(definition).find(key => !words.includes(key));
  if (odd !== undefined) throw new Fault(`unknown property '${odd}'${didYouMean(odd, words)}`);
  const { rate, burst = 1, concurrency, headers = 'common' } = definition;
  if (rate === undefined) throw new Fault(`'rate' is missing`, { hint: rateHint });
  const value: Limit = {
    name: name(given, 'a limit'),
    rate: perSecond(rate),
    burst: whole('burst', burst, 1_000_000),
    concurrency: concurrency === undefined ? undefined : whole('concurrency', concurrency, 10_000),
    headers: oneOf(...dialects)(headers),
  };
  return Object.freeze(Object.defineProperty(value, brand, { value: true }));
}

export function isLimit(value: unknown): value is Limit {
  return typeof value === 'object' && value !== null && brand in value;
}

export const sameLimit = (a: Limit, b: Limit): boolean =>
  a.rate === b.rate && a.burst === b.burst && a.concurrency === b.concurrency && a.headers === b.headers;

const rateHint = 'Write a number and a time: 100/s, 60/min, 5000/hour or 10000/day.';

function perSecond(text: unknown): number {
  const [, n, unit] = (typeof text === 'string' && /^(\d+(?:\.\d+)?)\/(s|min|hour|day)$/.exec(text)) || [];
  if (n === undefined) throw new Fault(`${what(text)} is not a rate`, { hint: rateHint });
  const rate = Number(n) / seconds[unit as keyof typeof seconds];
  if (rate <= 0) throw new Fault(`'${String(text)}' would never ask`, { hint: rateHint });
  if (rate > 1e6) throw new Fault(`'${String(text)}' is too much: at most 1000000/s`, { hint: rateHint });
  return rate;
}

function whole(word: string, value: unknown, most: number): number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return value as number;
  throw new Fault(`${word}: expected a whole number from 1 to ${most}, found ${what(value)}`);
}

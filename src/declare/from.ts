import { createHash } from 'node:crypto';
import type { Upstream } from './call.ts';
import { Fault } from './fault.ts';
import { didYouMean } from './guess.ts';
import { type Limit, isLimit } from './limit.ts';
import type { Literal } from './literal.ts';
import { quote } from './names.ts';
import { placed } from './place.ts';
import { what } from './sql.ts';
import { duration } from './values.ts';

/** A row of another system: the key's columns, and those that it decides, named like the governed table's. */
export type Row = Readonly<Record<string, Literal>>;
/** Column → text. */
export type RowKey = Readonly<Record<string, string | null>>;

/** A page of all that another system has. */
export interface Page {
  readonly rows: readonly Row[];
  /** What to give for the page after; none: this was the last. */
  readonly next?: string | null | undefined;
}

export interface SourceDefinition {
  /** The rows that have these keys; one that isn't returned is not there. */
  readonly get: (keys: readonly RowKey[], upstream: Upstream) => readonly Row[] | Promise<readonly Row[]>;
  /** All rows, page after page: undefined asks for the first. Without it nobody knows what is missing here. */
  readonly list?: (cursor: string | undefined, upstream: Upstream) => Page | Promise<Page>;
  /** `get` is given up to so many keys. Default: 100. */
  readonly batch?: number;
  /** How long either may take, waiting for its turn not counted. Default: `30s`. */
  readonly timeout?: string;
}

/** Another system, as the truth. */
export interface Source {
  readonly limit: Limit;
  readonly get: SourceDefinition['get'];
  readonly list: SourceDefinition['list'];
  readonly batch: number;
  readonly timeoutMs: number;
}

const words = ['get', 'list', 'batch', 'timeout'];

// Two copies of the package may meet in one process: a shared symbol, not instanceof.
const brand = Symbol.for('evenkeel.source');

/**
 * Another system says how it should be: `should: from(limit, { get, list })`. Its rows are read under the limit, and compared with the
 * governed ones by key, in both directions; before anything is written it is asked once more.
 * @throws EvenkeelError `bad-definition`, placed at the line of the call
 */
export function from(limit: Limit, definition: SourceDefinition): Source {
  return placed('bad-definition', from, () => made(limit, definition));
}

function made(limit: unknown, definition: SourceDefinition): Source {
  if (!isLimit(limit)) {
    throw new Fault(`from(limit, { get }) takes a limit, not ${what(limit)}`, {
      hint: "Declare it: const stripe = limit('stripe', { rate: '100/s' }).",
    });
  }
  if (typeof definition !== 'object' || definition === null)
    throw new Fault(`from(limit, { get }) takes an object, not ${what(definition)}`);
  const odd = Object.keys(definition).find(key => !words.includes(key));
  if (odd !== undefined) throw new Fault(`from: unknown property '${odd}'${didYouMean(odd, words)}`);
  const { get, list, batch = 100, timeout = '30s' } = definition;
  if (typeof get !== 'function') throw new Fault(`from: get: expected a function, found ${what(get)}`);
  if (list !== undefined && typeof list !== 'function')
    throw new Fault(`from: list: expected a function, found ${what(list)}`);
  if (!(Number.isInteger(batch) && batch >= 1 && batch <= 10_000))
    throw new Fault(`from: batch: expected a whole number from 1 to 10000, found ${what(batch)}`);
  const source: Source = { limit, get, list, batch, timeoutMs: duration(timeout, 100) };
  return Object.freeze(Object.defineProperty(source, brand, { value: true }));
}

export function isSource(value: unknown): value is Source {
  return typeof value === 'object' && value !== null && brand in value;
}

/** The view of what was read last, in the schema `evenkeel`; its rows are in the table of that name with `_rows`. */
export function mirrorName(invariant: string): string {
  const hash = createHash('sha256').update(invariant).digest('hex').slice(0, 8);
  return `from_${invariant.slice(0, 40).toLowerCase()}_${hash}`;
}

/** The query that such an invariant is. */
export const mirrorSql = (invariant: string): string =>
  `select * from evenkeel.${quote(mirrorName(invariant))}`;

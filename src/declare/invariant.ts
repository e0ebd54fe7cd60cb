import { EvenkeelError, type Place } from '../errors.ts';
import { Fault, attempt } from './fault.ts';
import { didYouMean } from './guess.ts';
import { type Source, isSource, mirrorSql } from './from.ts';
import { columns, governed, tables } from './names.ts';
import { calledFrom } from './place.ts';
import { contradictions } from './rules.ts';
import { statement } from './scan.ts';
import { isSql, what, type Sql } from './sql.ts';
import { duration, guard, mode, name, sentence } from './values.ts';
import type { Remedy } from './remedy.ts';

/** A statement of what should be, with a remedy. Plain data: made by `invariant()` or from a `.sql` file. */
export interface Invariant {
  readonly name: string;
  readonly says: string;
  readonly form: 'should' | 'broken';
  /** Another system that says how it should be; `sql` reads what it said last. */
  readonly source?: Source;
  /** One SELECT, without a trailing semicolon. */
  readonly sql: string;
  readonly on: Governed;
  /** Columns, as Postgres knows them (without quotes); undefined: the primary key of `on`. */
  readonly key: readonly string[] | undefined;
  /** Empty: a person decides. */
  readonly heal: readonly Remedy[];
  readonly mode: 'observe' | 'heal';
  /** Rows an hour; null: none. */
  readonly guard: number | null;
  readonly graceMs: number;
  /** Undefined: derived (a minute where the answer depends on the clock, else none). */
  readonly everyMs: number | undefined;
  /** Other tables that triggers or cascades of this heal may write, as declared (`[schema.]table`). */
  readonly touches: readonly string[];
  /** Where it stands; `sqlLine` is the line of the file on which `sql` begins, to place errors. */
  readonly place: Place & { sqlLine?: number };
}

/** `[schema.]table [where condition]`: the rows that the invariant governs. Identifiers as written. */
export interface Governed {
  readonly table: string;
  readonly where: string | undefined;
}

/** What holds where a declaration says nothing. */
export const defaults = { mode: 'observe', guard: 100, graceMs: 10_000 } as const;

/** The shortest time between two questions that `every` may ask for. */
export const leastEvery = 100;

/** What an invariant may do about a violation: result columns are named, never literal values. */
export type Heal = Exclude<Remedy, { do: 'assign' }>;

/** What `invariant()` takes: the header of a `.sql` file, in the same words. */
export type Definition = {
  /** One sentence, for people. */
  says: string;
  /** `[schema.]table [where condition]`: the rows that it governs. */
  on: string;
  /** Column names; default: the primary key of `on`. */
  key?: string | readonly string[];
  /** Default: none, a person decides. */
  heal?: Heal | readonly Heal[];
  /** Default: `observe`, which shows what would be written. */
  mode?: 'observe' | 'heal';
  /** Default: `100/hour`. */
  guard?: `${number}/hour` | 'none';
  /** How long a violation must last, unchanged, before it is believed: `250ms`, `10s`, `5m`… Default: `10s`. */
  grace?: string;
  /** Ask on a timer. Default: `1m` where the answer depends on the clock, else none. */
  every?: string;
  /** Other tables that triggers or cascades of this heal may write. Default: none. */
  touches?: string | readonly string[];
} & ({ should: Sql | Source; broken?: never } | { broken: Sql; should?: never });

const words = ['says', 'on', 'should', 'broken', 'key', 'heal', 'mode', 'guard', 'grace', 'every', 'touches'];

/**
 * Declares what must be true. Nothing is asked or written here.
 * @param name up to 63 letters, digits, `-` and `_`
 * @throws EvenkeelError `bad-definition`, `bad-remedy` or `bad-sql`, placed at the line of the call
 */
export function invariant(name: string, definition: Definition): Invariant {
  return define(name, definition, invariant);
}

/** `invariant()` under another function's name; `caller` is what the user called, to find the line. */
export function define(
  given: string,
  definition: Definition,
  caller: (...args: never[]) => unknown,
): Invariant {
  const place = calledFrom(caller) ?? { file: 'invariant()' };
  const fail = (code: 'bad-definition' | 'bad-remedy' | 'bad-sql', message: string, hint?: string): never => {
    throw new EvenkeelError(code, message, hint === undefined ? { place } : { place, hint });
  };
  if (typeof given !== 'string')
    fail('bad-definition', `invariant(name, …) takes a string, not ${what(given)}`);
  if (typeof definition !== 'object' || definition === null) {
    fail('bad-definition', `${given}: invariant(name, { … }) takes an object, not ${what(definition)}`);
  }
  const has = new Map(Object.entries(definition).filter(([, value]) => value !== undefined));
  for (const key of has.keys()) {
    if (!words.includes(key))
      fail('bad-definition', `${given}: unknown property '${key}'${didYouMean(key, words)}`);
  }

  /** Reads one property; what is wrong with it is said with its name. */
  function read<T>(key: string, parse: (value: unknown) => T): T;
  function read<T, D>(key: string, parse: (value: unknown) => T, otherwise: D): T | D;
  function read<T>(key: string, parse: (value: unknown) => T, ...otherwise: [unknown?]): unknown {
    if (!has.has(key))
      return otherwise.length > 0 ? otherwise[0] : fail('bad-definition', `${given}: '${key}' is missing`);
    const tried = attempt(() => parse(has.get(key)));
    if ('value' in tried) return tried.value;
    return fail('bad-definition', `${given}: ${key}: ${tried.fault.message}`, tried.fault.hint);
  }

  const named = attempt(() => name(given));
  if ('fault' in named) fail('bad-definition', named.fault.message, named.fault.hint);
  if (has.has('should') === has.has('broken')) {
    const both = has.has('should')
      ? "either 'should' or 'broken', not both"
      : "'should' or 'broken' is missing";
    fail('bad-definition', `${given}: ${both}`);
  }
  const form = has.has('should') ? 'should' : 'broken';
  const source = form === 'should' && isSource(has.get('should')) ? (has.get('should') as Source) : undefined;
  const asked = source ? { text: mirrorSql(given), line: undefined } : read(form, piece);
  const { sql, start } = statement(asked.text);
  if (sql === '') fail('bad-sql', `${given}: there is no SELECT in ${form}`);
  const sqlLine =
    asked.line === undefined ? {} : { sqlLine: asked.line + newlines(asked.text.slice(0, start)) };

  const declared = {
    name: given,
    says: read('says', text(sentence)),
    form,
    sql,
    on: read('on', text(governed)),
    key: read('key', keyColumns, undefined),
    heal: read('heal', remedyList, []),
    mode: read('mode', text(mode), defaults.mode),
    guard: read('guard', text(guard), defaults.guard),
    graceMs: read('grace', text(duration), defaults.graceMs),
    everyMs: read(
      'every',
      text(value => duration(value, leastEvery)),
      undefined,
    ),
    touches: read('touches', list(tables), []),
    place: { ...place, ...sqlLine },
    ...(source && { source }),
  } satisfies Invariant;
  for (const { key, fault } of contradictions(declared)) {
    fail(key === 'heal' ? 'bad-remedy' : 'bad-definition', `${given}: ${key}: ${fault.message}`, fault.hint);
  }
  return sealed(declared);
}

// Two copies of the package may meet in one process: a shared symbol, not instanceof.
const brand = Symbol.for('evenkeel.invariant');

/** Frozen through and through, and known by `isInvariant`. */
export function sealed(declared: Invariant): Invariant {
  for (const part of [declared.on, declared.key, declared.heal, declared.touches, declared.place])
    Object.freeze(part);
  return Object.freeze(Object.defineProperty({ ...declared }, brand, { value: true }));
}

export function isInvariant(value: unknown): value is Invariant {
  return typeof value === 'object' && value !== null && brand in value;
}

export const newlines = (text: string): number => text.split('\n').length - 1;

function piece(value: unknown): Sql {
  if (isSql(value)) return value;
  throw new Fault(`expected sql\`select …\`, found ${what(value)}`);
}

function text<T>(parse: (text: string) => T): (value: unknown) => T {
  return value => {
    if (typeof value !== 'string') throw new Fault(`expected a string, found ${what(value)}`);
    return parse(value.trim());
  };
}

function list(parse: (text: string) => string[]): (value: unknown) => string[] {
  return value => text(parse)(Array.isArray(value) ? value.map(text(item => item)).join(', ') : value);
}

/** Strings are exact column names here, as in set('status'): quotes belong to SQL. */
function keyColumns(value: unknown): readonly string[] {
  const names = (Array.isArray(value) ? value : [value]).map((item: unknown) => {
    if (typeof item !== 'string' || item === '')
      throw new Fault(`expected the name of a column, found ${what(item)}`);
    return item;
  });
  if (names.length === 0) throw new Fault('there are no columns');
  if (typeof value === 'string' && value.includes(',')) {
    throw new Fault(`'${value}' looks like several columns`, {
      hint: `Write key: ['${columns(value).join("', '")}'].`,
    });
  }
  const twice = names.find((item, i) => names.indexOf(item) !== i);
  if (twice !== undefined) throw new Fault(`column '${twice}' is named twice`);
  return names;
}

const verbs = ['set', 'assign', 'insert', 'append', 'remove', 'park', 'claim', 'call', 'celery'];

function remedyList(value: unknown): readonly Remedy[] {
  const heal: unknown[] = Array.isArray(value) ? [...value] : [value];
  for (const item of heal) {
    if (!verbs.includes((item as Remedy | null)?.do as string)) {
      throw new Fault(
        `expected set(), insert(), remove(), park(reason), claim(), call() or celery(), found ${what(item)}`,
      );
    }
  }
  return heal as Remedy[];
}

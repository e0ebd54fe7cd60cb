import { Fault } from './fault.ts';
import { literal, type Literal } from './literal.ts';
import type { BatchHandler, Handler } from './call.ts';
import type { Invariant } from './invariant.ts';
import { type Limit, isLimit } from './limit.ts';
import { sentence } from './values.ts';
import { table } from './names.ts';
import { placed } from './place.ts';
import { what } from './sql.ts';

/**
 * Remedies are values, so that they can be shown, proved, journaled and undone.
 * Strings name result columns; `set({ column: value })` means the literal value.
 */
export type Remedy =
  | { readonly do: 'set'; readonly columns: readonly string[] | 'all' }
  | { readonly do: 'assign'; readonly values: Readonly<Record<string, string | null>> }
  | { readonly do: 'insert' }
  | { readonly do: 'append'; readonly table: string; readonly columns: readonly string[] }
  | { readonly do: 'remove' }
  | { readonly do: 'park'; readonly reason: string }
  | { readonly do: 'claim'; readonly limit?: LimitName }
  | {
      readonly do: 'celery';
      /** Its full name. */
      readonly task: string;
      /** Columns; undefined: the key. */
      readonly args?: readonly string[];
      /** Argument → column. */
      readonly kwargs?: Readonly<Record<string, string>>;
      readonly queue: string;
      readonly limit?: LimitName;
      readonly withinMs: number;
      readonly priority?: number;
    }
  | {
      readonly do: 'call';
      /** Its name, for people, and for `.sql` files that name it. */
      readonly handler: string;
      /** Undefined while a name in a `.sql` file isn't looked up yet; so is `run`. */
      readonly limit?: Limit;
      /** The handler gets up to so many at once, in an array; undefined: one, by itself. */
      readonly batch?: number | undefined;
      readonly timeoutMs: number;
      readonly run?: Handler | BatchHandler;
    };

/** A limit, or the name of one that is declared elsewhere. */
export type LimitName = Limit | string;

/** Remedies of which others decide what is written: a person, a program, an upstream, a Celery worker. */
type Others = 'park' | 'claim' | 'call' | 'celery';
const others: readonly string[] = ['park', 'claim', 'call', 'celery'] satisfies Others[];

/** Do we write it by ourselves? */
export const writes = (remedy: Remedy): remedy is Exclude<Remedy, { do: Others }> =>
  !others.includes(remedy.do);

/** Is it left to programs? */
export const isClaimed = (heal: readonly Remedy[]): boolean => heal.some(remedy => remedy.do === 'claim');

/** What an upstream is asked by. */
export const callOf = (heal: readonly Remedy[]): Does<'call'> | undefined =>
  heal.find(remedy => remedy.do === 'call');

/** The task that it is handed to. */
export const taskOf = (heal: readonly Remedy[]): Does<'celery'> | undefined =>
  heal.find(remedy => remedy.do === 'celery');

/** The limit that remedies go under. */
export function limitFor(heal: readonly Remedy[]): Limit | undefined {
  for (const remedy of heal)
    if ('limit' in remedy && remedy.limit && typeof remedy.limit !== 'string') return remedy.limit;
  return undefined;
}

/** The limit under which an invariant is read, or healed. */
export const limitBehind = ({ heal, source }: Pick<Invariant, 'heal' | 'source'>): Limit | undefined =>
  source?.limit ?? limitFor(heal);

/** Is it healed by healers, without asking anybody? */
export const isOwn = ({ heal, source }: Pick<Invariant, 'heal' | 'source'>): boolean =>
  !source && !heal.some(({ do: verb }) => verb === 'claim' || verb === 'call' || verb === 'celery');

type Does<Verb extends Remedy['do']> = Extract<Remedy, { do: Verb }>;

/** Updates the governed row with the columns of the result: all of them, or those named. */
export function set(...columns: string[]): Does<'set'>;
/** Updates the governed row with these very values. A handler returns it; an invariant can't hold it. */
export function set(values: Readonly<Record<string, Literal>>): Does<'assign'>;
export function set(...given: readonly unknown[]): Does<'set'> | Does<'assign'> {
  return made(set, (): Does<'set'> | Does<'assign'> => {
    const [values] = given;
    if (given.length === 1 && typeof values === 'object' && values !== null && !Array.isArray(values)) {
      return { do: 'assign', values: literals(values) };
    }
    return { do: 'set', columns: given.length === 0 ? 'all' : columnNames(given) };
  });
}

/** Adds the missing row. */
export function insert(): Does<'insert'>;
/** Adds a row to another table (`[schema.]table`): a compensation. Its columns are named like the result's. */
export function insert(table: string, ...columns: [string, ...string[]]): Does<'append'>;
export function insert(...given: readonly unknown[]): Does<'insert'> | Does<'append'> {
  return made(insert, (): Does<'insert'> | Does<'append'> => {
    if (given.length === 0) return { do: 'insert' };
    const [into, ...columns] = given;
    if (typeof into !== 'string')
      throw new Fault(`insert(table, column, …) takes strings, not ${what(into)}`);
    if (columns.length === 0) throw new Fault(`insert('${into}') names no columns`);
    return { do: 'append', table: table(into), columns: columnNames(columns) };
  });
}

/** Deletes the governed row. */
export function remove(): Does<'remove'> {
  return Object.freeze({ do: 'remove' });
}

/** A person decides, and is told why. */
export function park(reason: string): Does<'park'> {
  return made(park, () => {
    if (typeof reason !== 'string') throw new Fault(`park(reason) takes a string, not ${what(reason)}`);
    if (reason.trim() === '') throw new Fault('park needs a reason: it is what a person reads');
    return { do: 'park', reason: sentence(reason) };
  });
}

/**
 * Any program fetches its violations with `select * from evenkeel.claim('invariant', n)` and says what became of them.
 * @param limit no more than it lets through are handed out
 */
export function claim(limit?: Limit): Does<'claim'> {
  return made(claim, () => {
    if (limit !== undefined && !isLimit(limit))
      throw new Fault(`claim(limit) takes a limit, not ${what(limit)}`);
    return { do: 'claim', ...(limit && { limit }) };
  });
}

function made<R extends Remedy>(maker: (...args: never[]) => Remedy, make: () => R): R {
  return Object.freeze(placed('bad-remedy', maker, make));
}

function columnNames(given: readonly unknown[]): readonly string[] {
  const names = given.map(name => {
    if (typeof name !== 'string') throw new Fault(`a column is named by a string, not ${what(name)}`);
    if (name === '') throw new Fault("a column's name can't be empty");
    return name;
  });
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Fault(`column '${twice}' is named twice`);
  return Object.freeze(names);
}

function literals(values: object): Readonly<Record<string, string | null>> {
  const entries = Object.entries(values);
  if (entries.length === 0) throw new Fault('set({}) sets nothing');
  // fromEntries defines properties, so that a column called __proto__ is one.
  return Object.freeze(
    Object.fromEntries(entries.map(([column, value]) => [column, literal(column, value)])),
  );
}

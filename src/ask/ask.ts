import { type Tx, arrayText, ask as query } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import type { Bound } from './bind.ts';
import { cheapest } from './cost.ts';
import { explain } from './mistake.ts';
import { type Range, byKeys, byNullKey, byNulls, byRange, whole } from './question.ts';

/** A row's key as column text, in the order of the invariant's key; NULL stays null. */
export type Key = readonly (string | null)[];
/** A key as one text. Most keys have one part, and theirs is made often: many times for each row that is healed. */
export function keyId(key: Key): string {
  const [first] = key;
  return key.length === 1 && typeof first === 'string' ? `"${first}"` : JSON.stringify(key);
}
/** Column → value as text. */
export type Values = Readonly<Record<string, string | null>>;

/** A row's texts from `at` on, by name. A plain loop over a fixed shape: this is made several times for each row. */
export function valuesOf(names: readonly string[], row: readonly (string | null)[], at = 0): Values {
  const values = new Shape();
  for (let i = 0; i < names.length; i++) values[names[i] as string] = row[at + i] ?? null;
  return values;
}
/** Inherits nothing, so that even a column called `__proto__` is one like any other. */
const Shape = function () {} as unknown as new () => Record<string, string | null>;
Shape.prototype = Object.create(null);

/** Keys as parameters: a text[] for each part. Made once for each list, because most steps of a heal put the same one. */
export function keyColumns(parts: number, keys: readonly Key[]): string[] {
  const made = columnsOf.get(keys);
  if (made) return made;
  const columns = Array.from({ length: parts }, (_, i) => arrayText(keys.map(key => key[i] ?? null)));
  columnsOf.set(keys, columns);
  return columns;
}
const columnsOf = new WeakMap<readonly Key[], string[]>();

/** What an invariant says of one key: how it is broken, what should be, what is. */
export interface Violation {
  readonly key: Key;
  readonly kind: 'differs' | 'missing' | 'extra' | 'broken';
  /** The governed row exists. */
  readonly present: boolean;
  readonly wanted: Values;
  readonly evidence: Values;
}

/**
 * Asks the invariant of exactly these keys; the violations among them, by keyId.
 * @throws key-repeated; query-failed and its kin where the query fails
 */
export async function askKeys(tx: Tx, bound: Bound, keys: readonly Key[]): Promise<Map<string, Violation>> {
  const plain = keys.some(key => key.includes(null)) ? keys.filter(key => !key.includes(null)) : keys;
  const found: Violation[] = [];
  if (plain.length > 0) {
    const columns = keyColumns(bound.key.length, plain);
    found.push(...(await put(tx, bound, byKeys(bound, cheapest(bound.costs, plain.length)), columns)));
  }
  for (const key of plain === keys ? [] : keys) {
    if (!key.includes(null)) continue;
    const text = byNullKey(
      bound,
      key.map(part => part === null),
    );
    found.push(
      ...(await put(
        tx,
        bound,
        text,
        key.filter(part => part !== null),
      )),
    );
  }
  return unique(bound, found);
}

/** The keys of a range at which the invariant is violated: suspects only, to be asked again. */
export async function askRange(tx: Tx, bound: Bound, range: Range): Promise<Key[]> {
  const { text, values } = byRange(bound, range);
  return keysOf(await put(tx, bound, text, values));
}

/** The violated keys in which some column is NULL: ranges never hold those. */
export async function askNull(tx: Tx, bound: Bound): Promise<Key[]> {
  return keysOf(await put(tx, bound, byNulls(bound), []));
}

/** The keys at which the invariant is violated, NULL keys included. */
export async function askWhole(tx: Tx, bound: Bound): Promise<Key[]> {
  return keysOf(await put(tx, bound, whole(bound), []));
}

/** The first `limit` violations of everything, and how many there are. */
export async function askSome(
  tx: Tx,
  bound: Bound,
  limit: number,
): Promise<{ total: number; some: Violation[] }> {
  try {
    const text = whole(bound);
    const names = bound.columns.map(({ name }) => name);
    const rows = await query(tx, `select *, count(*) over () from (${text}) x limit ${limit}`);
    return {
      total: Number(rows[0]?.at(-1) ?? 0),
      some: rows.map(row => read(bound, names, row.slice(0, -1))),
    };
  } catch (error) {
    throw explain(error, bound.invariant);
  }
}

async function put(tx: Tx, bound: Bound, text: string, values: unknown[]): Promise<Violation[]> {
  try {
    const names = bound.columns.map(({ name }) => name);
    return (await query(tx, text, values)).map(row => read(bound, names, row));
  } catch (error) {
    throw explain(error, bound.invariant);
  }
}

function read(bound: Bound, names: readonly string[], row: readonly (string | null)[]): Violation {
  const k = bound.key.length;
  const n = names.length;
  if (Number(row[k + 2 + 2 * n] ?? 1) > 1) {
    throw new EvenkeelError('key-repeated', 'the result has several rows for one key', {
      place: bound.invariant.place,
    });
  }
  const kind = row[k] as Violation['kind'];
  const present = row[k + 1] !== null;
  return {
    key: row.slice(0, k),
    kind,
    present,
    wanted: kind === 'extra' ? {} : valuesOf(names, row, k + 2),
    evidence: present ? valuesOf(names, row, k + 2 + n) : {},
  };
}

function unique(bound: Bound, found: readonly Violation[]): Map<string, Violation> {
  const byId = new Map(found.map(violation => [keyId(violation.key), violation]));
  if (byId.size === found.length) return byId;
  throw new EvenkeelError('key-repeated', 'the result has several rows for one key', {
    place: bound.invariant.place,
  });
}

const keysOf = (found: readonly Violation[]): Key[] => [
  ...new Map(found.map(one => [keyId(one.key), one.key])).values(),
];

import type { Column, Relation } from '../catalog/relation.ts';
import { type Tx, ask, quote } from '../db/pool.ts';
import { type Key, type Values, keyColumns, keyId, valuesOf } from '../ask/ask.ts';

/** Rows of one table as column text, by keyId: what a write changed is the difference of two of these. */
export type Images = Map<string, Values>;

/** `unnest` of keys ($1…) as `v(k0, …)`, and its equality with a table's key. */
export function keyList(key: readonly Column[]): { from: string; on: string } {
  return {
    from: `unnest(${key.map((_, i) => `$${i + 1}::text[]`).join(', ')}) v(${key.map((_, i) => `k${i}`).join(', ')})`,
    on: key.map(({ name, type }, i) => `t.${quote(name)} = v.k${i}::${type}`).join(' and '),
  };
}

/**
 * `from … where …`: the rows `t` of a table that have one of the keys ($1…). A key of one column is asked for by `any`,
 * which is a look into its index whatever the planner thinks of joins: for middling tables it would read them whole.
 */
function withKeys(table: Relation, key: readonly Column[]): string {
  const [first] = key;
  if (first && key.length === 1) return `from ${table.quoted} t where ${among(first)}`;
  const { from, on } = keyList(key);
  return `from ${table.quoted} t join ${from} on ${on} where true`;
}

export const among = ({ name, base }: Column): string => `t.${quote(name)} = any($1::text[]::${base}[])`;

/**
 * Locks governed rows in key order and reads them; rows that somebody else holds are skipped or waited for. FOR NO KEY
 * UPDATE lets inserts of children pass; FOR UPDATE (`strong`) is for deletes and for changes of a unique column.
 */
export async function lockRows(
  tx: Tx,
  table: Relation,
  key: readonly Column[],
  columns: readonly Column[],
  where: string | undefined,
  keys: readonly Key[],
  { strong, waits }: { readonly strong: boolean; readonly waits: boolean },
): Promise<Images> {
  const condition = where ? ` and (select (${where}\n) from (select t.*) ${quote(table.name)})` : '';
  const rows = await ask(
    tx,
    `select ${texts(key, columns)} ${withKeys(table, key)}${condition}
      order by ${key.map(({ name }) => `t.${quote(name)}`).join(', ')}
        for ${strong ? 'update' : 'no key update'} of t${waits ? '' : ' skip locked'}`,
    keyColumns(key.length, keys),
  );
  return imagesOf(key, columns, rows);
}

/** Reads rows by key, in a snapshot of its own. */
export async function readRows(
  tx: Tx,
  table: Relation,
  key: readonly Column[],
  columns: readonly Column[],
  keys: readonly Key[],
): Promise<Images> {
  if (keys.length === 0) return new Map();
  const text = `select ${texts(key, columns)} ${withKeys(table, key)}`;
  const rows = await ask(tx, text, keyColumns(key.length, keys));
  return imagesOf(key, columns, rows);
}

/** Which version of each row there is (`xmin`: who wrote it), by keyId. */
export async function versionsOf(
  tx: Tx,
  table: Relation,
  key: readonly Column[],
  keys: readonly Key[],
): Promise<Map<string, string>> {
  const text = `select ${texts(key, [])}, t.xmin::text ${withKeys(table, key)}`;
  const rows = await ask(tx, text, keyColumns(key.length, keys));
  return new Map(rows.map(row => [keyId(row.slice(0, -1)), row.at(-1) as string]));
}

export const texts = (key: readonly Column[], columns: readonly Column[]): string =>
  [...key, ...columns].map(({ name }) => `t.${quote(name)}::text`).join(', ');

export function imagesOf(
  key: readonly Column[],
  columns: readonly Column[],
  rows: readonly (string | null)[][],
): Images {
  const n = key.length;
  const names = [...key, ...columns].map(({ name }) => name);
  return new Map(rows.map(row => [keyId(row.slice(0, n)), valuesOf(names, row)]));
}

import { type Column, type Relation, columnOf } from '../catalog/relation.ts';
import { type Tx, arrayText, ask, quote } from '../db/pool.ts';
import { type Key, type Values, type Violation, keyColumns } from '../ask/ask.ts';
import type { Append, Bound } from '../ask/bind.ts';
import { among, keyList } from './rows.ts';

/**
 * The three writes, each one statement over a batch: values travel as text and are cast to the column's own type, so
 * that what the invariant printed is exactly what is stored.
 */
export async function setRows(
  tx: Tx,
  table: Relation,
  key: readonly Column[],
  columns: readonly Column[],
  keys: readonly Key[],
  values: readonly Values[],
): Promise<number> {
  const list = columns.map((_, i) => `$${key.length + i + 1}::text[]`);
  const from = `unnest(${[...key.map((_, i) => `$${i + 1}::text[]`), ...list].join(', ')})
    v(${[...key.map((_, i) => `k${i}`), ...columns.map((_, i) => `c${i}`)].join(', ')})`;
  const set = columns.map(({ name, type }, i) => `${quote(name)} = v.c${i}::${type}`).join(', ');
  const narrow = key[0] && key.length === 1 ? ` and ${among(key[0])}` : '';
  const { rowCount } = await tx.query(
    `update ${table.quoted} t set ${set} from ${from} where ${keyList(key).on}${narrow}`,
    [
      ...keyColumns(key.length, keys),
      ...columns.map(({ name }) => arrayText(values.map(row => row[name] ?? null))),
    ],
  );
  return rowCount ?? 0;
}

/** Adds missing rows; one that somebody else added meanwhile is left to them. */
export async function insertRows(tx: Tx, bound: Bound, rows: readonly Violation[]): Promise<number> {
  const columns = [...bound.key, ...bound.columns.flatMap(({ own }) => (own ? [own] : []))];
  const values = columns.map(({ name }) =>
    rows.map(row =>
      name in row.wanted ? row.wanted[name] : row.key[bound.key.findIndex(one => one.name === name)],
    ),
  );
  const conflict = bound.key.map(({ name }) => quote(name)).join(', ');
  const { rowCount } = await tx.query(
    `insert into ${bound.table.quoted} (${names(columns)}) overriding system value
     select ${casts(columns)} from ${valueList(columns)} on conflict (${conflict}) do nothing`,
    values,
  );
  return rowCount ?? 0;
}

/** Appends a compensation for each violation; the keys of the new rows, in order. */
export async function appendRows(
  tx: Tx,
  append: Append,
  bound: Bound,
  rows: readonly Violation[],
): Promise<Key[]> {
  const columns = append.remedy.columns.map(name => columnOf(append.table, name) as Column);
  const values = columns.map(({ name }) =>
    rows.map(row => {
      const at = bound.key.findIndex(one => one.name === name);
      return name in row.wanted ? row.wanted[name] : (row.key[at] ?? null);
    }),
  );
  return ask(
    tx,
    `insert into ${append.table.quoted} (${names(columns)})
     select ${casts(columns)} from ${valueList(columns)} order by v.n
     returning ${append.key.map(name => `${quote(name)}::text`).join(', ')}`,
    values,
  );
}

export async function removeRows(
  tx: Tx,
  table: Relation,
  key: readonly Column[],
  keys: readonly Key[],
): Promise<number> {
  const { from, on } = keyList(key);
  const { rowCount } = await tx.query(
    `delete from ${table.quoted} t using ${from} where ${on}`,
    keyColumns(key.length, keys),
  );
  return rowCount ?? 0;
}

const names = (columns: readonly Column[]): string => columns.map(({ name }) => quote(name)).join(', ');
const casts = (columns: readonly Column[]): string =>
  columns.map(({ type }, i) => `v.c${i}::${type}`).join(', ');
const valueList = (columns: readonly Column[]): string =>
  `unnest(${columns.map((_, i) => `$${i + 1}::text[]`).join(', ')}) with ordinality v(${columns
    .map((_, i) => `c${i}`)
    .join(', ')}, n)`;

import { type Column, type Relation, columnOf } from '../catalog/relation.ts';
import { Failed } from '../call/errand.ts';
import { type Pool, type Tx, arrayText, ask, describe, quote, sqlState, transaction } from '../db/pool.ts';
import { type Key, keyColumns } from '../ask/ask.ts';
import { mirrorName } from '../declare/from.ts';
import { keyList } from '../heal/rows.ts';
import type { TextRow } from './rows.ts';

/**
 * What another system said last, as a table of ours with the governed columns' types: so everything that asks, compares, heals and
 * undoes has only SQL to do with. It is seen (a view) once all of it was read for the first time.
 */
export interface Mirror {
  readonly invariant: string;
  readonly key: readonly Column[];
  readonly columns: readonly Column[];
  readonly table: string;
  readonly view: string;
}

export function mirrorOf(
  invariant: string,
  table: Relation,
  key: readonly Column[],
  columns: readonly string[],
): Mirror {
  const name = mirrorName(invariant);
  return {
    invariant,
    key,
    columns: columns.flatMap(one => columnOf(table, one) ?? []),
    table: `evenkeel.${quote(`${name}_rows`)}`,
    view: `evenkeel.${quote(name)}`,
  };
}

/** An empty table, in place of any that was there. */
export async function makeMirror(pool: Pool, mirror: Mirror, lists: boolean): Promise<void> {
  const { invariant, key, columns, table, view } = mirror;
  const list = [...key, ...columns].map(({ name, type }) => `${quote(name)} ${type}`).join(', ');
  const parts = key.map(({ name }) => quote(name)).join(', ');
  await transaction(pool, { statement: 10_000, lock: 5_000, schemas: ['public'] }, async tx => {
    await tx.query('select pg_advisory_xact_lock(4530, hashtext($1))', [invariant]);
    await tx.query(`drop view if exists ${view}; drop table if exists ${table};
      create table ${table} (${list}, evenkeel_seen_at timestamptz not null, primary key (${parts}))`);
    await tx.query(
      `insert into evenkeel.mirror as m (invariant, key, columns, lists) values ($1, $4, $2, $3)
       on conflict (invariant) do update set key = excluded.key, columns = excluded.columns, lists = excluded.lists, cursor = null, began_at = null, read_at = null`,
      [invariant, columns.map(({ name }) => name), lists, key.map(({ name }) => name)],
    );
  });
}

/** From now on it is what should be. */
export async function showMirror(tx: Tx | Pool, { key, columns, table, view }: Mirror): Promise<void> {
  const list = [...key, ...columns].map(({ name }) => quote(name)).join(', ');
  await tx.query(`create or replace view ${view} as select ${list} from ${table}`);
}

/** Stores rows; the keys of those that are new, or not as they were. @throws Failed where a value isn't of its column's type */
export async function putRows(tx: Tx | Pool, mirror: Mirror, rows: readonly TextRow[]): Promise<Key[]> {
  if (rows.length === 0) return [];
  const { key, columns, table } = mirror;
  const all = [...key, ...columns];
  const list = (of: readonly Column[], as: (name: string) => string) =>
    of.map(({ name }) => as(quote(name))).join(', ');
  const alike = columns.map(
    ({ name }) => `t.${quote(name)}::text is not distinct from v.${quote(name)}::text`,
  );
  const texts = rows.map(row => [...row.key, ...row.values]);
  // All parts see the rows as they were before.
  const text = `
    with v as (select ${all.map(({ name, type }, i) => `u.c${i}::${type} as ${quote(name)}`).join(', ')}
                 from unnest(${all.map((_, i) => `$${i + 1}::text[]`).join(', ')}) u(${all.map((_, i) => `c${i}`).join(', ')})),
    put as (
      insert into ${table} as t (${list(all, name => name)}, evenkeel_seen_at)
      select ${list(all, name => `v.${name}`)}, clock_timestamp() from v
      on conflict (${list(key, name => name)}) do update
         set ${[...columns.map(({ name }) => `${quote(name)} = excluded.${quote(name)}`), 'evenkeel_seen_at = excluded.evenkeel_seen_at'].join(', ')})
    select ${list(key, name => `v.${name}::text`)} from v
     where not exists (select from ${table} t where ${[...key.map(({ name }) => `t.${quote(name)} = v.${quote(name)}`), ...alike].join(' and ')})`;
  try {
    const values = all.map((_, i) => arrayText(texts.map(row => row[i] ?? null)));
    return (await tx.query<string[]>({ text, values, rowMode: 'array' })).rows;
  } catch (error) {
    // Of data, that is: class 22, and 23 of domains.
    if (/^2[23]/.test(sqlState(error) ?? '')) throw new Failed(describe(error), false, { cause: error });
    throw error;
  }
}

/** The other system doesn't have these any more. */
export async function dropRows(tx: Tx | Pool, { key, table }: Mirror, keys: readonly Key[]): Promise<void> {
  if (keys.length === 0) return;
  const { from, on } = keyList(key);
  await tx.query(`delete from ${table} t using ${from} where ${on}`, keyColumns(key.length, keys));
}

/** Those that a reading which began then has not seen are gone; their keys. */
export async function dropUnseen(tx: Tx, { key, table }: Mirror, began: string): Promise<Key[]> {
  const list = key.map(({ name }) => `${quote(name)}::text`).join(', ');
  return ask(tx, `delete from ${table} where evenkeel_seen_at < $1::timestamptz returning ${list}`, [began]);
}

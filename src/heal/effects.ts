import { type Column, type Relation, columnOf, primaryKey, readRelations } from '../catalog/relation.ts';
import { type Tx, ask, quote } from '../db/pool.ts';
import type { Key, Values } from '../ask/ask.ts';
import { type Images, imagesOf, texts } from './rows.ts';

/**
 * What a heal writes besides its own rows: cascades of foreign keys, and triggers. RETURNING doesn't show it, so it is
 * seen in two ways: rows of declared tables that a foreign key links to the healed ones are read before and after, and
 * pg_stat_xact counts, table by table, all that the transaction wrote.
 */

/** Rows written so far in this transaction, by table (partitions count for their root). */
export async function writtenSoFar(tx: Tx): Promise<Map<string, number>> {
  const rows = await ask(
    tx,
    `select coalesce(pg_partition_root(relid), relid)::oid::int8, sum(n_tup_ins + n_tup_upd + n_tup_del)
       from pg_stat_xact_user_tables
      where schemaname <> 'evenkeel' and n_tup_ins + n_tup_upd + n_tup_del > 0 group by 1`,
  );
  return new Map(rows.map(row => [row[0] as string, Number(row[1])]));
}

export function difference(after: Map<string, number>, before: Map<string, number>): Map<string, number> {
  const grown = [...after].map(([oid, n]) => [oid, n - (before.get(oid) ?? 0)] as const);
  return new Map(grown.filter(([, n]) => n > 0));
}

/** A declared table's rows that belong to healed rows. */
export interface Related {
  readonly table: Relation;
  readonly key: readonly Column[];
  readonly rows: Images;
}

/** A row that a cascade or a trigger wrote. */
export interface Effect {
  readonly table: Relation;
  readonly key: Key;
  readonly keyColumns: readonly string[];
  readonly before: Values | null;
  readonly after: Values | null;
}

/**
 * Reads the rows of `touches` that a foreign key links to rows of `table` (their children, down through cascades, and
 * their parents).
 */
export async function readRelated(
  tx: Tx,
  table: Relation,
  touches: readonly Relation[],
  images: Iterable<Values>,
): Promise<Related[]> {
  const rows = [...images];
  const found = new Map<string, Related>();
  await follow(table, rows, 0);
  return [...found.values()];

  async function follow(from: Relation, holding: readonly Values[], depth: number): Promise<void> {
    if (holding.length === 0 || depth > 4) return;
    for (const { child, columns, parentColumns, onDelete } of from.children) {
      const to = touches.find(one => one.oid === String(child));
      if (!to) continue;
      const fresh = await gather(to, columns, parentColumns, holding);
      if (['c', 'n', 'd'].includes(onDelete)) await follow(to, fresh, depth + 1);
    }
    for (const parent of touches) {
      for (const { child, columns, parentColumns } of parent.children) {
        if (String(child) === from.oid) await gather(parent, parentColumns, columns, holding);
      }
    }
  }

  /** Rows of `to` whose `mine` columns equal the `theirs` columns of a held row; only those not seen before. */
  async function gather(
    to: Relation,
    mine: readonly string[],
    theirs: readonly string[],
    holding: readonly Values[],
  ): Promise<Values[]> {
    const key = (primaryKey(to) ?? to.columns.map(one => one.name)).map(name => columnOf(to, name) as Column);
    const others = to.columns.filter(column => !key.includes(column));
    const rows = await ask(
      tx,
      `select distinct on (${key.map(({ name }) => `t.${quote(name)}`).join(', ')}) ${texts(key, others)}
         from ${to.quoted} t join unnest(${mine.map((_, i) => `$${i + 1}::text[]`).join(', ')})
           v(${mine.map((_, i) => `c${i}`).join(', ')})
           on ${mine.map((name, i) => `t.${quote(name)} = v.c${i}::${columnOf(to, name)?.type}`).join(' and ')}`,
      theirs.map(name => holding.map(values => values[name] ?? null)),
    );
    const images = imagesOf(key, others, rows);
    const known = found.get(to.oid) ?? { table: to, key, rows: new Map() };
    const fresh = [...images].filter(([id]) => !known.rows.has(id));
    for (const [id, values] of fresh) known.rows.set(id, values);
    found.set(to.oid, known);
    return fresh.map(([, values]) => values);
  }
}

/** The difference of two readings. */
export function effectsBetween(before: readonly Related[], after: readonly Related[]): Effect[] {
  const tables = new Map([...before, ...after].map(one => [one.table.oid, one]));
  return [...tables.values()].flatMap(({ table, key }) => {
    const old = before.find(one => one.table.oid === table.oid)?.rows ?? new Map<string, Values>();
    const now = after.find(one => one.table.oid === table.oid)?.rows ?? new Map<string, Values>();
    const ids = new Set([...old.keys(), ...now.keys()]);
    return [...ids].flatMap(id => {
      const was = old.get(id) ?? null;
      const is = now.get(id) ?? null;
      if (JSON.stringify(was) === JSON.stringify(is)) return [];
      const keyColumns = key.map(({ name }) => name);
      const one = (was ?? is) as Values;
      return [{ table, key: keyColumns.map(name => one[name] ?? null), keyColumns, before: was, after: is }];
    });
  });
}

/** Reads related rows again, wherever they went: by their own keys and by the links. */
export async function rereadRelated(
  tx: Tx,
  before: readonly Related[],
  linked: readonly Related[],
): Promise<Related[]> {
  const again: Related[] = [];
  for (const { table, key, rows } of before) {
    const others = table.columns.filter(column => !key.includes(column));
    const keys = [...rows.values()].map(values => key.map(({ name }) => values[name] ?? null));
    const list = await ask(
      tx,
      `select ${texts(key, others)} from ${table.quoted} t
         join unnest(${key.map((_, i) => `$${i + 1}::text[]`).join(', ')}) v(${key.map((_, i) => `k${i}`).join(', ')})
           on ${key.map(({ name, type }, i) => `t.${quote(name)} = v.k${i}::${type}`).join(' and ')}`,
      key.map((_, i) => keys.map(one => one[i] ?? null)),
    );
    again.push({ table, key, rows: imagesOf(key, others, list) });
  }
  for (const one of linked) {
    const known = again.find(other => other.table.oid === one.table.oid);
    if (!known) again.push(one);
    else for (const [id, values] of one.rows) known.rows.set(id, values);
  }
  return again;
}

/** Tables' names for a message. */
export async function tableNames(tx: Tx, oids: readonly string[]): Promise<string> {
  const relations = await readRelations(tx, oids);
  return oids.map(oid => relations.get(oid)?.quoted ?? oid).join(', ');
}

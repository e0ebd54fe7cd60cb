import { type Tx, quote } from '../db/pool.ts';
import { tokens } from '../watch/scope/parse.ts';
import { columnRefs, parseCondition } from './expression.ts';
import { type Column, readColumns } from './columns.ts';
import type { Node } from '../watch/scope/parse.ts';

export type { Column };

export interface Check {
  readonly name: string;
  readonly definition: string;
  /** Ready to stand behind WHERE. */
  readonly text: string;
  /** The same for proofs: a domain's check isn't asked of every NULL. */
  readonly loose: string;
  readonly node: Node;
  readonly columns: readonly string[];
}

/** Columns in which two rows differ. */
export interface Key {
  readonly name: string;
  readonly columns: readonly string[];
  /** None of them is NULL, or two NULLs are the same: no two rows are alike. */
  readonly total: boolean;
}

/** A foreign key that holds for all rows. */
export interface Reference {
  readonly name: string;
  readonly definition: string;
  readonly columns: readonly string[];
  /** Ready for SQL. */
  readonly parent: string;
  readonly parentColumns: readonly string[];
  /** MATCH FULL: all of its columns are NULL, or none. */
  readonly full: boolean;
}

export interface Bounds {
  readonly text: string;
  readonly columns: readonly string[];
}

/** A base table with the constraints that hold for each of its rows. */
export interface Table {
  readonly oid: string;
  readonly quoted: string;
  readonly columns: ReadonlyMap<string, Column>;
  readonly checks: readonly Check[];
  readonly keys: readonly Key[];
  readonly references: readonly Reference[];
  /** Unique indexes over a part of the rows or over expressions, and exclusions: what they forbid is not looked at. */
  readonly odd: readonly string[];
  /** Constraints that are not validated, or not enforced: nothing follows from them. */
  readonly unused: readonly string[];
  /** It has partitions or children: its rows are theirs, too. */
  readonly related: boolean;
  /** The same, and the planner would conclude from those that there are today. */
  readonly split: boolean;
  /** What a row has to meet so that one of the partitions of today takes it; undefined: that isn't known. */
  readonly bounds: Bounds | undefined;
}

/** While `work` runs, each table is read once in this transaction. */
export async function readingOnce<T>(tx: Tx, work: () => Promise<T>): Promise<T> {
  if (known.has(tx)) return work();
  known.set(tx, new Map());
  try {
    return await work();
  } finally {
    known.delete(tx);
  }
}
const known = new WeakMap<Tx, Map<string, Promise<Table | undefined>>>();

/** What a name stands for; undefined: no base table. */
export function readTable(tx: Tx, written: string): Promise<Table | undefined> {
  const read = known.get(tx)?.get(written) ?? readAnew(tx, written);
  known.get(tx)?.set(written, read);
  return read;
}

async function readAnew(tx: Tx, written: string): Promise<Table | undefined> {
  const { rows } = await tx.query<{
    oid: string;
    quoted: string;
    related: boolean;
    parted: boolean;
  }>(
    `select c.oid::text as oid, format('%I.%I', n.nspname, c.relname) as quoted,
            c.relhassubclass or c.relkind = 'p' as related, c.relkind = 'p' as parted
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1) and c.relkind in ('r', 'p')`,
    [written],
  );
  const [row] = rows;
  if (!row) return undefined;
  const columns = await readColumns(tx, row.oid, row.related);
  const { rows: constraints } = await tx.query<Constraint>(
    `select c.conname as name, pg_get_constraintdef(c.oid) as definition, pg_get_expr(c.conbin, c.conrelid) as text, null as "column",
            c.convalidated and to_jsonb(c) ->> 'conenforced' is distinct from 'false' as holds
       from pg_constraint c where c.conrelid = $1 and c.contype = 'c' and not (c.connoinherit and $2)
     union all
     select 'partition', 'bounds of the partition', pg_get_partition_constraintdef(c.oid), null, true
       from pg_class c where c.oid = $1 and c.relispartition and pg_get_partition_constraintdef(c.oid) is not null
     union all
     select c.conname, pg_get_constraintdef(c.oid), pg_get_expr(c.conbin, 0), a.attname,
            c.convalidated and to_jsonb(c) ->> 'conenforced' is distinct from 'false'
       from pg_attribute a join pg_constraint c on c.contypid = a.atttypid and c.contype = 'c'
      where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
      order by 1, 4`,
    [row.oid, row.related],
  );
  // Children of a table that isn't partitioned have neither its foreign keys nor its unique ones.
  const alone = !row.related || row.parted;
  const references = alone ? await readReferences(tx, row.oid) : [];
  const { keys, odd } = await readKeys(tx, row.oid);
  return {
    ...row,
    split: row.related,
    columns: new Map(columns.map(column => [column.name, column])),
    checks: constraints.filter(({ holds }) => holds).map(made),
    keys: alone ? keys : [],
    odd: alone ? odd : [...odd, ...keys.map(({ name }) => name)],
    bounds: row.related && row.parted ? await readBounds(tx, row.oid) : undefined,
    references: references.filter(({ holds }) => holds),
    unused: [...constraints, ...references].filter(({ holds }) => !holds).map(({ name }) => name),
  };
}

/** Of at most 64 partitions, and none that has checks of its own. */
async function readBounds(tx: Tx, oid: string): Promise<Bounds | undefined> {
  const { rows } = await tx.query<{ text: string | null; many: boolean; own: boolean }>(
    `select string_agg(coalesce('(' || pg_get_partition_constraintdef(p.relid) || ')', 'true'), ' or ') as text, count(*) > 64 as many,
            coalesce(bool_or(exists (select from pg_constraint c where c.conrelid = p.relid and c.contype = 'c' and c.coninhcount = 0)), false)
              as own
       from pg_partition_tree($1::oid::regclass) p where p.isleaf and p.level > 0`,
    [oid],
  );
  const [row] = rows;
  if (row?.text == null || row.many || row.own) return undefined;
  const columns = columnRefs(parseCondition(`(${row.text}\n)`)).map(path => path.at(-1) ?? '');
  return { text: row.text, columns: [...new Set(columns)] };
}

async function readKeys(tx: Tx, oid: string): Promise<{ keys: Key[]; odd: string[] }> {
  const { rows } = await tx.query<Key & { plain: boolean }>(
    `select c.relname as name, k.plain and i.indisunique as plain, k.columns,
            k.required or coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) as total
       from pg_index i join pg_class c on c.oid = i.indexrelid
       cross join lateral (select i.indexprs is null and i.indpred is null as plain, array_agg(a.attname::text order by k.n) as columns,
         bool_and(a.attnotnull) as required from unnest(i.indkey) with ordinality k (attnum, n)
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum where k.n <= i.indnkeyatts) k
      where i.indrelid = $1 and i.indisvalid and (i.indisunique or i.indisexclusion) order by not i.indisprimary, c.relname`,
    [oid],
  );
  return {
    keys: rows.filter(({ plain }) => plain).map(({ name, columns, total }) => ({ name, columns, total })),
    odd: rows.filter(({ plain }) => !plain).map(({ name }) => name),
  };
}

async function readReferences(tx: Tx, oid: string): Promise<(Reference & { holds: boolean })[]> {
  const { rows } = await tx.query<Reference & { holds: boolean }>(
    `select c.conname as name, pg_get_constraintdef(c.oid) as definition, c.confmatchtype = 'f' as "full",
            format('%I.%I', n.nspname, p.relname) as parent,
            array(select a.attname::text from unnest(c.conkey) with ordinality k (attnum, n)
              join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum order by k.n) as columns,
            array(select a.attname::text from unnest(c.confkey) with ordinality k (attnum, n)
              join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum order by k.n) as "parentColumns",
            c.convalidated and to_jsonb(c) ->> 'conenforced' is distinct from 'false'
              and to_jsonb(c) ->> 'conperiod' is distinct from 'true' as holds
       from pg_constraint c join pg_class p on p.oid = c.confrelid join pg_namespace n on n.oid = p.relnamespace
      where c.conrelid = $1 and c.contype = 'f' and not exists (select from pg_constraint o where o.oid = c.conparentid
        and o.conrelid = c.conrelid) order by 1`,
    [oid],
  );
  return rows;
}

interface Constraint {
  name: string;
  definition: string;
  text: string;
  column: string | null;
  holds: boolean;
}

function made({ name, definition, text, column }: Constraint): Check {
  const own = column === null ? text : withValue(text, column);
  const loose = column === null ? own : `${quote(column)} is null or (${own}\n)`;
  const node = parseCondition(`(${loose}\n)`);
  const columns = [...new Set(columnRefs(node).map(parts => parts.at(-1) ?? ''))];
  return { name, definition, text: own, loose, node, columns };
}

/** A domain's check speaks of VALUE. */
function withValue(text: string, column: string): string {
  let written = '';
  let at = 0;
  const bytes = Buffer.from(text);
  for (const { start, end } of tokens(text)) {
    if (bytes.subarray(start, end).toString().toLowerCase() !== 'value') continue;
    written += bytes.subarray(at, start).toString() + quote(column);
    at = end;
  }
  return written + bytes.subarray(at).toString();
}

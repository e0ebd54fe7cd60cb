import { type Tx, quote } from '../db/pool.ts';
import { tokens } from '../watch/scope/parse.ts';
import { columnRefs, parseCondition } from './expression.ts';
import type { Node } from '../watch/scope/parse.ts';

/** A column and what the schema says of its values. */
export interface Column {
  readonly name: string;
  readonly kind: 'boolean' | 'enum' | 'text' | 'integer' | 'other';
  /** As format_type prints it, below a domain. */
  readonly type: string;
  readonly nullable: boolean;
  readonly labels: readonly string[];
  /** Of a varchar(n): n. Of a numeric(p, s): that there are limits. */
  readonly most: number | undefined;
  /** Nothing may be concluded from its candidates: a generated column, a domain over a domain, char(n) and its like. */
  readonly opaque: string | undefined;
}

export interface Check {
  readonly name: string;
  readonly definition: string;
  /** Ready to stand behind WHERE. */
  readonly text: string;
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
  /** It has partitions or children, or is one: what holds for it alone doesn't hold for all its rows. */
  readonly related: boolean;
}

/** What a name stands for; undefined: no base table. */
export async function readTable(tx: Tx, written: string): Promise<Table | undefined> {
  const { rows } = await tx.query<{ oid: string; quoted: string; related: boolean }>(
    `select c.oid::text as oid, format('%I.%I', n.nspname, c.relname) as quoted, c.relhassubclass or c.relispartition as related
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1) and c.relkind in ('r', 'p')`,
    [written],
  );
  const [row] = rows;
  if (!row) return undefined;
  const columns = await readColumns(tx, row.oid);
  const { rows: constraints } = await tx.query<Constraint>(
    `select c.conname as name, pg_get_constraintdef(c.oid) as definition, pg_get_expr(c.conbin, c.conrelid) as text, null as "column",
            c.convalidated and to_jsonb(c) ->> 'conenforced' is distinct from 'false' as holds
       from pg_constraint c where c.conrelid = $1 and c.contype = 'c'
     union all
     select c.conname, pg_get_constraintdef(c.oid), pg_get_expr(c.conbin, 0), a.attname,
            c.convalidated and to_jsonb(c) ->> 'conenforced' is distinct from 'false'
       from pg_attribute a join pg_constraint c on c.contypid = a.atttypid and c.contype = 'c'
      where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
      order by 1, 4`,
    [row.oid],
  );
  const references = await readReferences(tx, row.oid);
  return {
    ...row,
    columns: new Map(columns.map(column => [column.name, column])),
    checks: constraints.filter(({ holds }) => holds).map(made),
    ...(await readKeys(tx, row.oid)),
    references: references.filter(({ holds }) => holds),
    unused: [...constraints, ...references].filter(({ holds }) => !holds).map(({ name }) => name),
  };
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
  const node = parseCondition(`(${own}\n)`);
  return { name, definition, text: own, node, columns: columnRefs(node).map(parts => parts.at(-1) ?? '') };
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

async function readColumns(tx: Tx, oid: string): Promise<Column[]> {
  const { rows } = await tx.query<{
    name: string;
    type: string;
    base: string;
    typmod: number;
    kind: string;
    nested: boolean;
    domainNotNull: boolean;
    notNull: boolean;
    generated: boolean;
    labels: string[];
    plain: boolean;
  }>(
    `select a.attname as name, format_type(b.oid, null) as type, b.typname as base, b.typtype as kind,
            case when t.typtype = 'd' then t.typtypmod else a.atttypmod end as typmod,
            t.typtype = 'd' and b.typtype = 'd' as nested, t.typnotnull as "domainNotNull",
            a.attnotnull and not exists (select from pg_constraint c where c.conrelid = a.attrelid and c.contype = 'n'
              and c.conkey[1] = a.attnum and not c.convalidated) as "notNull",
            a.attgenerated <> '' as generated,
            array(select e.enumlabel::text from pg_enum e where e.enumtypid = b.oid order by e.enumsortorder) as labels,
            coalesce((select l.collisdeterministic from pg_collation l where l.oid = a.attcollation), true)
              and b.typnamespace = 'pg_catalog'::regnamespace as plain
       from pg_attribute a join pg_type t on t.oid = a.atttypid
       join pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
      where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [oid],
  );
  return rows.map(row => ({
    name: row.name,
    type: row.type,
    kind: kindOf(row),
    // A NOT NULL of a domain can be got round by an outer join: no row is ruled out by it.
    nullable: !row.notNull,
    labels: row.labels,
    most: ['varchar', 'numeric'].includes(row.base) && row.typmod >= 4 ? row.typmod - 4 : undefined,
    opaque: row.generated
      ? 'it is generated'
      : row.nested
        ? 'its domain is over another domain'
        : row.domainNotNull
          ? 'its domain is NOT NULL'
          : undefined,
  }));
}

function kindOf({ base, kind, plain }: { base: string; kind: string; plain: boolean }): Column['kind'] {
  if (kind === 'e') return 'enum';
  if (!plain) return 'other';
  if (base === 'bool') return 'boolean';
  if (base === 'text' || base === 'varchar') return 'text';
  return ['int2', 'int4', 'int8'].includes(base) ? 'integer' : 'other';
}

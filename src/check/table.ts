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

/** A base table with the constraints that hold for each of its rows. */
export interface Table {
  readonly oid: string;
  readonly quoted: string;
  readonly columns: ReadonlyMap<string, Column>;
  readonly checks: readonly Check[];
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
  return {
    ...row,
    columns: new Map(columns.map(column => [column.name, column])),
    checks: constraints.filter(({ holds }) => holds).map(made),
    unused: constraints.filter(({ holds }) => !holds).map(({ name }) => name),
  };
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

import type { Tx } from '../db/pool.ts';

/** A table or view whose rows a program may read. */
export interface Shape {
  readonly schema: string;
  readonly name: string;
  /** `"schema"."name"`, as SQL wants it. */
  readonly quoted: string;
  /** Unqualified names mean it. */
  readonly visible: boolean;
  /** `family`: a table with partitions or children, now or later. `far`: what holds for it can't be known here. */
  readonly kind: 'table' | 'family' | 'view' | 'far';
  /** Rows can be inserted and updated. */
  readonly writable: boolean;
  readonly columns: readonly Field[];
}

export interface Field {
  readonly name: string;
  readonly type: Type;
  /** The type is an array of those. */
  readonly array: boolean;
  readonly nullable: boolean;
  /** What an INSERT without it does: fails, or is filled in; `always`: nobody may write it. */
  readonly filled: 'never' | 'default' | 'always';
  /** Literals may close it: its values are equal only if their text is. */
  readonly closable: boolean;
  /** Of a domain over a domain, whose inner checks are not read. */
  readonly nested: boolean;
}

/** Below domains. */
export interface Type {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly visible: boolean;
  /** As format_type prints it, with its length: `character(3)`. */
  readonly written: string;
  /** Of an enum, in its order; else undefined. */
  readonly labels: readonly string[] | undefined;
}

interface Row {
  table_schema: string;
  table_name: string;
  quoted: string;
  table_visible: boolean;
  kind: Shape['kind'];
  writable: boolean;
  name: string | null;
  array: boolean;
  nullable: boolean;
  filled: Field['filled'];
  closable: boolean;
  nested: boolean;
  type: Type;
}

/**
 * Every table and view of the application, ordered by schema and name, with their columns in their own order. Partitions
 * are left to their table, what an extension brought to the extension, and `evenkeel` to us.
 */
export async function readShapes(tx: Tx): Promise<Shape[]> {
  const { rows } = await tx.query<Row>(query);
  const shapes = new Map<string, Shape & { columns: Field[] }>();
  for (const row of rows) {
    const shape = shapes.get(row.quoted) ?? {
      schema: row.table_schema,
      name: row.table_name,
      quoted: row.quoted,
      visible: row.table_visible,
      kind: row.kind,
      writable: row.writable,
      columns: [],
    };
    shapes.set(row.quoted, shape);
    if (row.name === null) continue;
    const { name, type, array, nullable, filled, closable, nested } = row;
    shape.columns.push({ name, type, array, nullable, filled, closable, nested });
  }
  return [...shapes.values()];
}

/**
 * A domain is followed down to what it is over, which is how drivers are told of its values. A NOT NULL that is not
 * validated (Postgres 18) proves nothing.
 */
const query = `
with recursive base(oid, at, typmod, depth, filled) as (
  select oid, oid, null::int, 0, false from pg_type
  union all
  select base.oid, t.typbasetype, coalesce(base.typmod, nullif(t.typtypmod, -1)), depth + 1, filled or t.typdefault is not null
    from base join pg_type t on t.oid = base.at and t.typtype = 'd'
)
select n.nspname as table_schema, c.relname as table_name, format('%I.%I', n.nspname, c.relname) as quoted,
       pg_table_is_visible(c.oid) as table_visible,
       case when c.relkind = 'v' then 'view' when c.relkind in ('m', 'f') then 'far'
            when c.relkind = 'p' or c.relhassubclass then 'family' else 'table' end as kind,
       c.relkind <> 'm' and pg_relation_is_updatable(c.oid, true) & 24 = 24 as writable,
       a.attname as name,
       e.oid is not null as "array",
       not coalesce(a.attnotnull and not exists (select from pg_constraint v where v.conrelid = c.oid and v.contype = 'n'
         and v.conkey[1] = a.attnum and not v.convalidated), false) as nullable,
       case when a.attgenerated <> '' or a.attidentity = 'a' then 'always'
            when a.atthasdef or a.attidentity = 'd' or b.filled then 'default' else 'never' end as filled,
       (t.typtype = 'e' or t.oid in ('bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype, 'varchar'::regtype)
         or (t.oid = 'bpchar'::regtype and coalesce(b.typmod, a.atttypmod) > 4))
         and coalesce((select l.collisdeterministic from pg_collation l where l.oid = a.attcollation), true) as closable,
       coalesce(b.depth > 1, false) as nested,
       jsonb_build_object('oid', coalesce(e.oid, t.oid)::bigint, 'schema', coalesce(en.nspname, tn.nspname), 'name', coalesce(e.typname, t.typname),
         'visible', coalesce(pg_type_is_visible(coalesce(e.oid, t.oid)), false),
         'written', format_type(t.oid, coalesce(b.typmod, a.atttypmod)),
         'labels', case when coalesce(e.typtype, t.typtype) = 'e' then coalesce((select jsonb_agg(l.enumlabel order by l.enumsortorder)
           from pg_enum l where l.enumtypid = coalesce(e.oid, t.oid)), '[]') end) as type
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join base b on b.oid = a.atttypid and not exists (select from pg_type d where d.oid = b.at and d.typtype = 'd')
  left join pg_type t on t.oid = b.at
  left join pg_namespace tn on tn.oid = t.typnamespace
  left join pg_type e on e.oid = t.typelem and e.typarray = t.oid
  left join pg_namespace en on en.oid = e.typnamespace
 where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
   and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'evenkeel')
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 order by n.nspname collate "C", c.relname collate "C", a.attnum`;

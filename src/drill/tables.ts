import { type Relation, readRelations } from '../catalog/relation.ts';
import { type Table as Checks, readTable } from '../check/table.ts';
import { type Tx, ask } from '../db/pool.ts';

/** A table that a drill fills: what the database says of it. */
export interface Table {
  readonly relation: Relation;
  readonly checks: Checks;
  readonly parents: readonly ForeignKey[];
  /** Column → what its type is like. */
  readonly kinds: ReadonlyMap<string, Kind>;
  /** Column → values that partitions are made for. */
  readonly bounds: ReadonlyMap<string, readonly string[]>;
  readonly withDefault: ReadonlySet<string>;
}

export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  /** Oid of the table that it points to. */
  readonly parent: string;
  readonly parentColumns: readonly string[];
  readonly deferrable: boolean;
}

/** pg_type.typcategory, below domains; of an array also what is in it. */
export interface Kind {
  readonly category: string;
  readonly name: string;
  readonly element: string | undefined;
}

/** `<oid>.<column>` */
export type ColumnId = string;
export const columnId = ({ relation }: Table, column: string): ColumnId => `${relation.oid}.${column}`;

/** These tables and all that their foreign keys lead to. */
export async function readTables(tx: Tx, oids: readonly string[]): Promise<Map<string, Table>> {
  const tables = new Map<string, Table>();
  let wanted = [...new Set(oids)];
  while (wanted.length > 0) {
    const relations = await readRelations(tx, wanted);
    for (const relation of relations.values()) {
      const checks = await readTable(tx, relation.quoted);
      if (!checks) continue;
      tables.set(relation.oid, {
        relation,
        checks,
        parents: await readParents(tx, relation.oid),
        ...(await readColumns(tx, relation.oid)),
        bounds: await readBounds(tx, relation.oid),
      });
    }
    const above = [...tables.values()].flatMap(({ parents }) => parents.map(({ parent }) => parent));
    wanted = [...new Set(above)].filter(oid => !tables.has(oid));
  }
  return tables;
}

async function readParents(tx: Tx, oid: string): Promise<ForeignKey[]> {
  const { rows } = await tx.query<ForeignKey>(
    `select f.conname as name, f.confrelid::int8::text as parent, f.condeferrable as deferrable,
            array(select a.attname::text from unnest(f.conkey) with ordinality k(attnum, n)
                    join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.attnum order by k.n) as columns,
            array(select a.attname::text from unnest(f.confkey) with ordinality k(attnum, n)
                    join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.attnum order by k.n) as "parentColumns"
       from pg_constraint f where f.conrelid = $1 and f.contype = 'f'
        and (f.conparentid = 0 or not exists (select from pg_constraint u where u.oid = f.conparentid and u.conrelid = f.conrelid))
      order by f.conname`,
    [oid],
  );
  return rows;
}

async function readColumns(tx: Tx, oid: string): Promise<Pick<Table, 'kinds' | 'withDefault'>> {
  const rows = await ask(
    tx,
    `select a.attname, b.typcategory, b.typname, format_type(nullif(b.typelem, 0), null), a.atthasdef or a.attidentity <> ''
       from pg_attribute a join pg_type t on t.oid = a.atttypid
       -- A domain over a domain, too.
       cross join lateral (with recursive below as (
           select t.oid, t.typtype, t.typbasetype
           union all select n.oid, n.typtype, n.typbasetype from below w join pg_type n on n.oid = w.typbasetype where w.typtype = 'd')
         select oid from below where typtype <> 'd') base
       join pg_type b on b.oid = base.oid
      where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped`,
    [oid],
  );
  return {
    kinds: new Map(
      rows.map(([column, category, name, element]) => [
        column ?? '',
        { category: category ?? '', name: name ?? '', element: element ?? undefined },
      ]),
    ),
    withDefault: new Set(rows.flatMap(([column, , , , has]) => (has === 't' && column ? [column] : []))),
  };
}

/** The literals in the bounds of partitions, for the columns that rows are told apart by. */
async function readBounds(tx: Tx, oid: string): Promise<Map<string, string[]>> {
  const rows = await ask(
    tx,
    `select a.attname, pg_get_expr(c.relpartbound, c.oid)
       from pg_partitioned_table p join pg_inherits i on i.inhparent = p.partrelid join pg_class c on c.oid = i.inhrelid
       join pg_attribute a on a.attrelid = p.partrelid and a.attnum = any(p.partattrs::int2[])
      where p.partrelid = $1 order by i.inhrelid`,
    [oid],
  );
  const found = new Map<string, string[]>();
  for (const [column, bound] of rows) {
    if (column === null || column === undefined || bound === null || bound === undefined) continue;
    // FOR VALUES IN ('a', 'b'); FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'), where the upper end is outside.
    const inside = /^FOR VALUES FROM \((.*?)\) TO/.exec(bound)?.[1] ?? bound;
    const values = [...inside.matchAll(/'((?:[^']|'')*)'/g)].map(([, text = '']) =>
      text.replaceAll("''", "'"),
    );
    found.set(column, [...(found.get(column) ?? []), ...values]);
  }
  return found;
}

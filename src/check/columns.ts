import type { Tx } from '../db/pool.ts';
import type { Node } from '../watch/scope/parse.ts';
import { parseCondition } from './expression.ts';

/** A column and what the schema says of its values. */
export interface Column {
  readonly name: string;
  /** `number`: numeric; `float`: double precision; `moment`: date, timestamp, timestamptz. */
  readonly kind: 'boolean' | 'enum' | 'text' | 'uuid' | 'integer' | 'number' | 'float' | 'moment' | 'other';
  /** As format_type prints it, below a domain. */
  readonly type: string;
  /** NULL can't be ruled out. */
  readonly nullable: boolean;
  /** NULL is refused, by NOT NULL or by a domain; one of a domain can be got round by an outer join. */
  readonly required: boolean;
  readonly labels: readonly string[];
  /** Of a varchar(n): n. */
  readonly most: number | undefined;
  /** Of a numeric(p, s). */
  readonly digits: { readonly precision: number; readonly scale: number } | undefined;
  /** What it is computed from; undefined: it isn't. */
  readonly generated: { readonly text: string; readonly node: Node } | undefined;
  /** Nothing may be concluded from its candidates: a domain over a domain. */
  readonly opaque: string | undefined;
}

/** @param related rows of children count too, which may have dropped a NOT NULL that they inherited */
export async function readColumns(tx: Tx, oid: string, related: boolean): Promise<Column[]> {
  const { rows } = await tx.query<Row>(
    `select a.attname as name, format_type(b.oid, null) as type, b.typname as base, b.typtype as kind,
            case when t.typtype = 'd' then t.typtypmod else a.atttypmod end as typmod,
            t.typtype = 'd' and b.typtype = 'd' as nested, t.typnotnull as "domainNotNull",
            a.attnotnull and not exists (select from pg_constraint c where c.conrelid = a.attrelid and c.contype = 'n'
              and c.conkey[1] = a.attnum and not c.convalidated) as "notNull", r.relkind = 'p' as partitioned,
            case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end as generated,
            array(select e.enumlabel::text from pg_enum e where e.enumtypid = b.oid order by e.enumsortorder) as labels,
            coalesce((select l.collisdeterministic from pg_collation l where l.oid = a.attcollation), true)
              and b.typnamespace = 'pg_catalog'::regnamespace as plain
       from pg_attribute a join pg_class r on r.oid = a.attrelid join pg_type t on t.oid = a.atttypid
       join pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
       left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [oid],
  );
  return rows.map(row => ({
    name: row.name,
    type: row.type,
    kind: kindOf(row),
    nullable: !row.notNull || (related && !row.partitioned),
    required: row.notNull || row.domainNotNull,
    labels: row.labels,
    most: row.base === 'varchar' && row.typmod >= 4 ? row.typmod - 4 : undefined,
    digits: row.base === 'numeric' && row.typmod >= 4 ? digitsOf(row.typmod - 4) : undefined,
    generated:
      row.generated === null || related
        ? undefined
        : { text: row.generated, node: parseCondition(`(${row.generated}\n)`) },
    opaque: row.nested
      ? 'its domain is over another domain'
      : row.generated !== null && related
        ? 'it is generated, in partitions or children perhaps otherwise'
        : undefined,
  }));
}

interface Row {
  name: string;
  type: string;
  base: string;
  typmod: number;
  kind: string;
  nested: boolean;
  domainNotNull: boolean;
  notNull: boolean;
  partitioned: boolean;
  generated: string | null;
  labels: string[];
  plain: boolean;
}

/** The scale is a number of eleven bits with a sign. */
const digitsOf = (typmod: number) => ({
  precision: typmod >> 16,
  scale: ((typmod & 0x7ff) ^ 0x400) - 0x400,
});

function kindOf({ base, kind, plain, typmod }: Row): Column['kind'] {
  if (kind === 'e') return 'enum';
  if (!plain) return 'other';
  // timestamp(0) rounds what it is given.
  if (base === 'timestamp' || base === 'timestamptz') return typmod < 0 || typmod === 6 ? 'moment' : 'other';
  return kinds[base] ?? 'other';
}
const kinds: Readonly<Record<string, Column['kind']>> = {
  bool: 'boolean',
  text: 'text',
  varchar: 'text',
  uuid: 'uuid',
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  numeric: 'number',
  float8: 'float',
  date: 'moment',
};

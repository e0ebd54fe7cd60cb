import { query } from '../db/migrate.ts';
import type { Tx } from '../db/pool.ts';

/** A table, view or partitioned table as the database describes it. */
export interface Relation {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** `"schema"."table"`, ready for SQL. */
  readonly quoted: string;
  /** pg_class.relkind: r table, p partitioned, v view, m materialised view, f foreign. */
  readonly kind: string;
  /** Row-level security hides rows from this role. */
  readonly hidden: boolean;
  /** Estimated. */
  readonly rows: number;
  readonly viewdef: string | null;
  /** What the log says of old rows: of the table, or of each of its partitions. */
  readonly identities: readonly ReplicaIdentity[];
  readonly columns: readonly Column[];
  readonly indexes: readonly Index[];
  /** Foreign keys of other tables that point here. */
  readonly children: readonly ForeignKey[];
  /** Columns that are part of a foreign key to another table. */
  readonly references: readonly string[];
}

export interface Column {
  readonly name: string;
  /** As format_type prints it: right behind `::`. */
  readonly type: string;
  /** The same below a domain. */
  readonly base: string;
  /** The oid of the base type. */
  readonly family: number;
  readonly notNull: boolean;
  readonly generated: boolean;
  readonly identity: string;
  /** Has an equality operator; json, xml and the geometric types are compared as text. */
  readonly comparable: boolean;
  /** Equal values have equal text: whole numbers, booleans, enums, and text that isn't compared by a looser collation. */
  readonly bytewise: boolean;
}

export interface ReplicaIdentity {
  /** `"schema"."table"`, ready for SQL. */
  readonly table: string;
  /** False: its changes don't go into the log at all. */
  readonly logged: boolean;
  /** pg_class.relreplident: d default (the primary key), i an index, f full, n nothing. */
  readonly kind: 'd' | 'i' | 'f' | 'n';
  /** Columns of the primary key or of that index; empty where there is none. */
  readonly columns: readonly string[];
}

export interface Index {
  readonly primary: boolean;
  /** Unique over whole rows, immediate: names one row, and serves ON CONFLICT. */
  readonly unique: boolean;
  readonly isUnique: boolean;
  readonly partial: boolean;
  readonly columns: readonly string[];
}

export interface ForeignKey {
  readonly child: number;
  /** pg_constraint.confdeltype: a no action, r restrict, c cascade, n set null, d set default. */
  readonly onDelete: string;
  readonly columns: readonly string[];
  readonly parentColumns: readonly string[];
}

/** Relations by oid. */
export async function readRelations(tx: Tx, oids: readonly string[]): Promise<Map<string, Relation>> {
  if (oids.length === 0) return new Map();
  const { rows } = await tx.query<Relation>(query('relation'), [oids]);
  return new Map(rows.map(row => [row.oid, row]));
}

/** The oid that a name, as written in SQL, stands for under the search_path of `tx`; undefined: there is none. */
export async function resolve(tx: Tx, name: string): Promise<string | undefined> {
  const { rows } = await tx.query<{ oid: string | null }>('select to_regclass($1)::oid::int8 as oid', [name]);
  return rows[0]?.oid ?? undefined;
}

export const columnOf = (relation: Relation, name: string): Column | undefined =>
  relation.columns.find(column => column.name === name);

export const primaryKey = (relation: Relation): readonly string[] | undefined =>
  relation.indexes.find(index => index.primary)?.columns;

/** Whether the columns, in any order, name at most one row. */
export const namesOneRow = (relation: Relation, columns: readonly string[]): boolean =>
  relation.indexes.some(
    index =>
      index.unique &&
      index.columns.length === columns.length &&
      columns.every(column => index.columns.includes(column) && columnOf(relation, column)?.notNull),
  );

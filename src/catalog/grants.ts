import { type Tx, quote } from '../db/pool.ts';
import type { Relation } from './relation.ts';

/** What a role has to be allowed on one relation. */
export interface Need {
  readonly relation: Relation;
  /** Columns; a row that is locked needs UPDATE on one of them at least. */
  readonly update: ReadonlySet<string>;
  readonly insert: ReadonlySet<string>;
  readonly remove: boolean;
  /** Triggers write it with the role's rights: which columns isn't known. */
  readonly everything: boolean;
  /** Who needs it, for the comment. */
  readonly for: ReadonlySet<string>;
}

/**
 * GRANTs for a role that may do what these needs say and no more, one statement each, with comments; all but the last part
 * are run by the owner of the tables.
 */
export async function grants(tx: Tx, role: string, needs: readonly Need[]): Promise<string[]> {
  const to = `to ${quote(role)}`;
  const { rows } = await tx.query<{ database: string }>('select quote_ident(current_database()) as database');
  const schemas = [...new Set(needs.map(({ relation }) => relation.schema))].sort();
  const sorted = needs.toSorted((a, b) => (a.relation.quoted < b.relation.quoted ? -1 : 1));
  return [
    `grant connect on database ${rows[0]?.database} ${to};`,
    `grant usage on schema evenkeel ${to};`,
    `grant select, insert, update, delete on all tables in schema evenkeel ${to};`,
    // What programs call is nobody's by default.
    `grant execute on all functions in schema evenkeel ${to};`,
    // How far they have counted; identity columns draw from theirs without a right.
    `grant select on all sequences in schema evenkeel ${to};`,
    // Tables of a later version: made by whoever runs this.
    `alter default privileges in schema evenkeel grant select, insert, update, delete on tables ${to};`,
    `alter default privileges in schema evenkeel grant select on sequences ${to};`,
    `alter default privileges in schema evenkeel grant execute on functions ${to};`,
    ...schemas.map(schema => `grant usage on schema ${quote(schema)} ${to};`),
    ...sorted.map(need => `${grant(need, to)}  -- ${[...need.for].sort().join(', ')}`),
    ...(await sequences(tx, needs)).map(name => `grant usage on sequence ${name} ${to};`),
    ...(await secured(tx, needs)).map(
      name =>
        `-- ${name} has row-level security: unseen rows would look missing. alter role ${quote(role)} bypassrls;`,
    ),
  ];
}

function grant({ relation, update, insert, remove, everything }: Need, to: string): string {
  const on = `on ${relation.quoted} ${to};`;
  if (everything) return `grant select, insert, update, delete ${on}`;
  const columns = (names: ReadonlySet<string>) => `(${[...names].map(quote).join(', ')})`;
  const rights = [
    'select',
    ...(update.size > 0 ? [`update ${columns(update)}`] : []),
    ...(insert.size > 0 ? [`insert ${columns(insert)}`] : []),
    ...(remove ? ['delete'] : []),
  ];
  return `grant ${rights.join(', ')} ${on}`;
}

/** A `serial` column draws from its sequence with the role's rights; an identity column doesn't. */
async function sequences(tx: Tx, needs: readonly Need[]): Promise<string[]> {
  const oids = needs
    .filter(need => need.everything || need.insert.size > 0)
    .map(({ relation }) => relation.oid);
  const { rows } = await tx.query<{ name: string }>(
    `select distinct quote_ident(n.nspname) || '.' || quote_ident(s.relname) as name
       from pg_attrdef a
       join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = a.oid and d.refclassid = 'pg_class'::regclass
       join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
       join pg_namespace n on n.oid = s.relnamespace
      where a.adrelid = any($1::oid[]) order by 1`,
    [oids],
  );
  return rows.map(({ name }) => name);
}

async function secured(tx: Tx, needs: readonly Need[]): Promise<string[]> {
  const { rows } = await tx.query<{ oid: string }>(
    'select oid::int8 as oid from pg_class where relrowsecurity and oid = any($1::oid[])',
    [needs.map(({ relation }) => relation.oid)],
  );
  const oids = new Set(rows.map(({ oid }) => oid));
  return needs.filter(({ relation }) => oids.has(relation.oid)).map(({ relation }) => relation.quoted);
}

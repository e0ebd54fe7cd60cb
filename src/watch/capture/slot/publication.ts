import { query } from '../../../db/migrate.ts';
import { type Pool, describe, often, quote, transaction } from '../../../db/pool.ts';
import type { Watched } from '../capture.ts';
import { forget } from './memory.ts';

/**
 * The publication says of which tables a slot tells. It holds what is watched and nothing else; of a partitioned table the
 * root, under whose name all partitions are told. A table without replica identity is left out, for its application's
 * UPDATE and DELETE would fail.
 */
export interface Publication {
  readonly oid: string;
  /** It was missing, or told less than it should: what a slot told until now is incomplete. */
  readonly made: boolean;
  /** By oid of the table. */
  readonly tables: ReadonlyMap<string, Published>;
}

export interface Published {
  /** Why no changes of it are told; undefined: they are. */
  readonly why: string | undefined;
  /** Another one than before: rows may have changed without being told. */
  readonly mark: string;
}

export const publicationName = 'evenkeel';

interface Seen {
  oid: string;
  why: string | null;
  member: string | null;
  mark: string;
}

/** Oid of a table that may not be added → why, and when to try again (performance.now()). */
export type Refusals = Map<string, { why: string; again: number }>;
const refusedMs = 30_000;

/** Makes the publication as it should be, as far as it may. Waits for no lock for longer than two seconds. */
export async function align(
  pool: Pool,
  watched: readonly Watched[],
  refusals: Refusals,
): Promise<Publication> {
  const run = (text: string) =>
    transaction(pool, { statement: 10_000, lock: 2_000, schemas: ['public'] }, tx => tx.query(text));
  const { oid, whole, strays, tables, options } = await look(pool, watched);
  if (oid === undefined || !whole) {
    const how =
      oid === undefined
        ? `create publication ${publicationName} with`
        : `alter publication ${publicationName} set`;
    await run(`${forget}; ${how} ${options}`);
    return { ...(await align(pool, watched, refusals)), made: true };
  }
  let changed = strays.length > 0;
  for (const name of strays) await run(`alter publication ${publicationName} drop table only ${name}`);
  for (const { relation } of watched) {
    const seen = tables.get(relation.oid);
    if (!seen || (seen.why === null) === (seen.member !== null)) continue;
    if ((refusals.get(relation.oid)?.again ?? 0) > performance.now()) continue;
    const verb = seen.why === null ? 'add' : 'drop';
    try {
      await run(`alter publication ${publicationName} ${verb} table only ${relation.quoted}`);
      refusals.delete(relation.oid);
      changed = true;
    } catch (error) {
      if (verb === 'drop') throw error;
      const why = `it can't be published: ${describe(error)}`;
      refusals.set(relation.oid, { why, again: performance.now() + refusedMs });
    }
  }
  // Once more, for tables change meanwhile.
  if (changed) return align(pool, watched, refusals);
  const published = [...tables.values()].map(({ oid, why, member, mark }): [string, Published] => [
    oid,
    { why: why ?? (member === null ? (refusals.get(oid)?.why ?? 'it is not published') : undefined), mark },
  ]);
  return { oid, made: false, tables: new Map(published) };
}

async function look(pool: Pool, watched: readonly Watched[]) {
  const oids = watched.map(({ relation }) => relation.oid);
  const [row] = await often<{
    major: number;
    oid: string | null;
    whole: boolean | null;
    strays: string[];
  }>(
    pool,
    `select current_setting('server_version_num')::int / 10000 as major, p.oid::int8 as oid,
            p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate and p.pubviaroot
              and coalesce(to_jsonb(p) ->> 'pubgencols', 's') = 's' as whole,
            array(select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_publication_rel r
                    join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace
                   where r.prpubid = p.oid and (r.prrelid <> all($1::oid[]) or num_nonnulls(r.prqual, r.prattrs) > 0)) as strays
       from (select) always left join pg_publication p on p.pubname = $2`,
    [oids, publicationName],
  );
  const rows = await often<Seen>(pool, query('published'), [oids, publicationName]);
  // From Postgres 18 on an identity with a stored generated column needs it to be told, or the application's UPDATE fails.
  const generated = (row?.major ?? 0) >= 18 ? ', publish_generated_columns = stored' : '';
  return {
    oid: row?.oid ?? undefined,
    whole: row?.whole === true,
    strays: row?.strays ?? [],
    options: `(publish = 'insert, update, delete, truncate', publish_via_partition_root = true${generated})`,
    tables: new Map(rows.map(row => [row.oid, row])),
  };
}

/**
 * What an owner of the tables (or a superuser) runs once, where the role of Evenkeel doesn't own them: the publication,
 * which the role may then shrink, and the right to replicate.
 */
export async function slotStatements(
  pool: Pool,
  role: string,
  watched: readonly Watched[],
): Promise<string[]> {
  const { oid, tables, options } = await look(pool, watched);
  const fit = watched.filter(({ relation }) => tables.get(relation.oid)?.why === null);
  const missing = fit.filter(({ relation }) => tables.get(relation.oid)?.member === null);
  const list = (some: readonly Watched[]) => some.map(({ relation }) => relation.quoted).join(', ');
  const { rows } = await pool.query<{ database: string }>('select current_database() as database');
  return [
    ...(oid === undefined
      ? [
          `create publication ${publicationName}${fit.length > 0 ? ` for table ${list(fit)}` : ''} with ${options};`,
          `grant create on database ${quote(rows[0]?.database ?? '')} to ${quote(role)};`,
          `alter publication ${publicationName} owner to ${quote(role)};`,
        ]
      : missing.length > 0
        ? [`alter publication ${publicationName} add table ${list(missing)};`]
        : []),
    `alter role ${quote(role)} replication;`,
  ];
}

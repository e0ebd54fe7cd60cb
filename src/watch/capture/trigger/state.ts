import { query } from '../../../db/migrate.ts';
import { type Pool, transaction } from '../../../db/pool.ts';
import type { Watched } from '../capture.ts';
import { readiness } from './readiness.ts';

/** A table as it is now. */
export interface Looked {
  readonly table: Watched;
  /** Of all that changes what its rows are or mean without firing a trigger, and of what is captured. */
  readonly fingerprint: string;
  /** Itself and its partitions. */
  readonly members: readonly string[];
}

/** Everything committed before `at` is seen. */
export async function look(
  pool: Pool,
  watched: readonly Watched[],
): Promise<{ at: Date; tables: readonly Looked[] }> {
  return transaction(pool, limits, async tx => {
    const clock = await tx.query<{ at: Date }>('select statement_timestamp() as at');
    const { rows } = await tx.query<{ relation: string; fingerprint: string; members: string[] }>(
      query('fingerprints'),
      [watched.map(({ relation }) => relation.oid)],
    );
    const found = new Map(rows.map(row => [row.relation, row]));
    const tables = watched.map(table => {
      const { fingerprint, members } = found.get(table.relation.oid) ?? { fingerprint: 'gone', members: [] };
      return { table, fingerprint: `${fingerprint} ${table.columns.join(',')}`, members };
    });
    return { at: clock.rows[0]?.at as Date, tables };
  });
}

/** Which of them can't be captured, and why. */
export async function unready(pool: Pool, watched: readonly Watched[]): Promise<Map<string, string>> {
  if (watched.length === 0) return new Map();
  const all = await transaction(pool, limits, tx => readiness(tx, watched));
  return new Map(all.flatMap(({ table, why }) => (why === undefined ? [] : [[table.relation.oid, why]])));
}

/** What was told of before, by any process: fingerprints by oid, and under '0' how much was lost. */
export async function remembered(pool: Pool): Promise<Map<string, string>> {
  const { rows } = await pool.query<{ relation: string; fingerprint: string }>(
    'select relation::int8::text as relation, fingerprint from evenkeel.watched',
  );
  return new Map(rows.map(({ relation, fingerprint }) => [relation, fingerprint]));
}

export async function remember(pool: Pool, told: ReadonlyMap<string, string>): Promise<void> {
  await pool.query(
    `insert into evenkeel.watched (relation, fingerprint) select * from unnest($1::oid[], $2::text[])
     on conflict (relation) do update set fingerprint = excluded.fingerprint`,
    [[...told.keys()], [...told.values()]],
  );
}

/** Of other tables than these it won't be known what happened meanwhile. */
export async function forgetOthers(pool: Pool, watched: readonly Watched[]): Promise<void> {
  await pool.query('delete from evenkeel.watched where relation <> 0 and relation <> all ($1::oid[])', [
    watched.map(({ relation }) => relation.oid),
  ]);
}

const limits = { statement: 10_000, lock: 500, readOnly: true, schemas: ['pg_catalog'] };

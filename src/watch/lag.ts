import type { Pool } from '../db/pool.ts';

/** WAL that was written and not yet looked at; null: changes are not told by a slot. */
export async function lagBytes(pool: Pool): Promise<number | null> {
  const { rows } = await pool.query<{ bytes: number }>(
    `select greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'::pg_lsn + position))::float8 as bytes
       from evenkeel.capture where kind = 'slot' and position is not null and not pg_is_in_recovery()`,
  );
  return rows[0]?.bytes ?? null;
}

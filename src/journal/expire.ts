import type { Pool } from '../db/pool.ts';

/** Forgets entries older than `keepMs`, and minutes and messages that nobody counts any more; a few thousand at a time. */
export async function expire(pool: Pool, keepMs: number): Promise<void> {
  const secs = keepMs / 1000;
  for (;;) {
    const { rowCount } = await pool.query(
      `delete from evenkeel.entry where id in (
         select id from evenkeel.entry where at < clock_timestamp() - make_interval(secs => $1) order by id limit 5000)`,
      [secs],
    );
    if ((rowCount ?? 0) < 5000) break;
  }
  await pool.query(`delete from evenkeel.pulse where minute < clock_timestamp() - interval '2 days'`);
  await pool.query(`delete from evenkeel.alert where at < clock_timestamp() - make_interval(secs => $1)`, [
    secs,
  ]);
}

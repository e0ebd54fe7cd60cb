import type { Key } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import type { Pool } from '../db/pool.ts';
import { find } from './find.ts';

/**
 * What a program says is done (`evenkeel.report`) is asked again: what came right leaves the ledger, as always; the rest is
 * handed out again after a while, about 1, 4, 16 and 64 seconds.
 */
export async function askReported(pool: Pool, bounds: readonly Bound[], limitMs: number): Promise<void> {
  for (const bound of bounds) {
    if (!bound.invariant.heal.some(remedy => remedy.do === 'claim')) continue;
    const { rows } = await pool.query<{ id: string; key: Key; at: Date }>(
      `select id, key, reported_at as at from evenkeel.violation
        where invariant = $1 and reported_at is not null order by reported_at limit 1000`,
      [bound.name],
    );
    if (rows.length === 0) continue;
    await find(
      pool,
      bound,
      rows.map(({ key }) => key),
      limitMs,
    );
    await pool.query(
      `update evenkeel.violation set state = 'open', claimed_by = null, reported_at = null,
              reason = concat_ws(': ', 'reported done, and still so', reason),
              due_at = clock_timestamp() + make_interval(secs => 4 ^ (claims - 1) * (0.75 + random() / 2))
        where id = any($1) and state = 'claimed' and reported_at is not null`,
      [rows.map(({ id }) => id)],
    );
  }
}

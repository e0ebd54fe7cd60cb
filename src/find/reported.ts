import type { Key } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { isClaimed } from '../declare/remedy.ts';
import type { Pool } from '../db/pool.ts';
import { find } from './find.ts';

/**
 * What a program says is done (`evenkeel.report`) is asked again: what came right leaves the ledger, as always; the rest is
 * handed out again, later each time.
 */
export async function askReported(pool: Pool, bounds: readonly Bound[], limitMs: number): Promise<void> {
  for (const bound of bounds) {
    if (!isClaimed(bound.invariant.heal)) continue;
    const { rows } = await pool.query<{ id: string; key: Key }>(
      `select id, key from evenkeel.violation
        where invariant = $1 and state = 'claimed' and reported_at is not null order by reported_at limit 1000`,
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
      `select evenkeel.report(id, 'failed', concat_ws(': ', 'reported done, and still so', reason)) from evenkeel.violation
        where id = any($1) and state = 'claimed' and reported_at is not null`,
      [rows.map(({ id }) => id)],
    );
  }
}

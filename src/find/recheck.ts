import type { Pool } from '../db/pool.ts';
import type { Key } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { find } from './find.ts';

/** Asks listed violations again that the pass, begun at `since`, did not touch: what came right by itself is cleared. */
export async function recheck(pool: Pool, bound: Bound, since: Date | null, limitMs: number): Promise<void> {
  let last = '0';
  for (;;) {
    const { rows } = await pool.query<{ id: string; key: Key }>(
      `select id, key from evenkeel.violation
        where invariant = $1 and id > $2 and opened_at < coalesce($3, clock_timestamp()) order by id limit 1000`,
      [bound.name, last, since],
    );
    if (rows.length === 0) return;
    last = rows.at(-1)?.id ?? last;
    await find(
      pool,
      bound,
      rows.map(({ key }) => key),
      limitMs,
    );
  }
}

import type { Pool } from '../db/pool.ts';

/**
 * A sweep is overdue when no pass was completed for ten minutes and for ten times as long as the last one took (or ever,
 * since the definition came into force). Told once a day for each invariant.
 */
export async function raiseOverdue(pool: Pool): Promise<void> {
  await pool.query(
    `insert into evenkeel.alert (kind, invariant, text)
     select 'overdue', i.name,
            i.name || ': no sweep was completed since ' || to_char(x.since at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
       from evenkeel.invariant i
       cross join lateral (select coalesce(i.proved_at, i.in_force_since) as since,
              greatest(interval '10 minutes', 10 * make_interval(secs => coalesce(i.last_pass_ms, 0) / 1000),
                       10 * (i.next_pass_at - i.proved_at)) as patience) x
      where i.retired_at is null and clock_timestamp() > x.since + x.patience
        and not exists (select from evenkeel.alert a where a.kind = 'overdue' and a.invariant = i.name
                           and a.at > clock_timestamp() - interval '1 day')`,
  );
}

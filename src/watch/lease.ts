import { type Pool, often } from '../db/pool.ts';

/**
 * One of several processes sweeps. Leadership is a row with a deadline on the database's clock and a fencing token that
 * grows with each holder: a stopped process that wakes up carries an old token, and what it writes under it is refused.
 * No session lock: those don't survive a pooler, and hang on to a connection that is cut off.
 */
export interface Lease {
  readonly name: string;
  readonly fence: string;
}

/** Takes the lease or renews it; undefined while somebody else holds it. */
export async function takeLease(
  pool: Pool,
  name: string,
  holder: string,
  seconds: number,
): Promise<Lease | undefined> {
  const [lease] = await often<Lease>(
    pool,
    `insert into evenkeel.lease as l (name, holder, expires_at)
     values ($1, $2, clock_timestamp() + make_interval(secs => $3))
     on conflict (name) do update
        set holder = excluded.holder, expires_at = excluded.expires_at,
            fence = l.fence + case when l.holder = excluded.holder and l.expires_at > clock_timestamp() then 0 else 1 end
      where l.holder = excluded.holder or l.expires_at < clock_timestamp()
     returning name, fence`,
    [name, holder, seconds],
  );
  return lease;
}

/**
 * Of several processes the one leads that carries the most of what is in force: of two versions deployed at once the newer,
 * for the older one knows nothing of the newer wordings.
 */
export async function mayLead(pool: Pool, holder: string): Promise<boolean> {
  const [row] = await often<{ may: boolean }>(
    pool,
    `with carried as (
       select p.id, (select count(*) from evenkeel.invariant i
                      where i.retired_at is null and p.definitions->>i.name = i.hash) as n
         from evenkeel.process p where p.id = $1 or p.heartbeat_at > clock_timestamp() - interval '10 seconds')
     select coalesce((select n from carried where id = $1), 0) >= coalesce(max(n), 0) as may from carried`,
    [holder],
  );
  return row?.may ?? true;
}

/** Lets go at once, so that another needn't wait. */
export async function dropLease(pool: Pool, lease: Lease): Promise<void> {
  await pool.query(
    'update evenkeel.lease set expires_at = clock_timestamp() where name = $1 and fence = $2',
    [lease.name, lease.fence],
  );
}

/** SQL: is the lease still ours? `$n` and `$n+1` are its name and fence. */
export const stillHeld = (n: number): string =>
  `exists (select from evenkeel.lease where name = $${n} and fence = $${n + 1} and expires_at > clock_timestamp())`;

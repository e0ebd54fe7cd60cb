import type { Pool } from '../db/pool.ts';

/** How a limit stands, by the database's clock. Rates are units a second. */
export interface LimitStanding {
  readonly name: string;
  readonly configured: number;
  readonly burst: number;
  readonly concurrency: number | null;
  /** What the upstream says, or, where it says nothing, what was found by being refused; null: neither. */
  readonly learned: { readonly rate: number; readonly by: 'told' | 'refused'; readonly at: Date } | null;
  readonly inForce: number;
  /** Within the last sixty seconds. */
  readonly minute: { readonly used: number; readonly refused: number };
  readonly refusals: number;
  /** Violations that are to be healed under it: waiting, and asked about now. */
  readonly waiting: number;
  readonly underWay: number;
  /** Requests under way, where the concurrency is limited. */
  readonly leases: number;
  readonly blocked: { readonly until: Date; readonly why: string } | null;
}

interface Row extends Omit<LimitStanding, 'learned' | 'minute' | 'blocked'> {
  readonly toldRate: number | null;
  readonly toldAt: Date | null;
  readonly foundRate: number | null;
  readonly refusedAt: Date | null;
  readonly used: number;
  readonly refused: number;
  readonly blockedUntil: Date | null;
  readonly blockedWhy: string | null;
}

/** Every limit that was ever declared, by name. */
export async function limitStandings(pool: Pool): Promise<LimitStanding[]> {
  const { rows } = await pool.query<Row>(
    `select l.name, l.rate as configured, l.burst, l.concurrency, evenkeel.rate_in_force(l) as "inForce",
            l.told_rate as "toldRate", l.told_at as "toldAt", l.found_rate as "foundRate", l.refused_at as "refusedAt",
            coalesce(s.used, 0) as used, coalesce(s.refused, 0)::int as refused, l.refusals::int as refusals,
            coalesce(v.waiting, 0)::int as waiting, coalesce(v.under_way, 0)::int as "underWay",
            (select count(*) from evenkeel.rate_lease e where e.rate_limit = l.name and e.expires_at > clock_timestamp())::int as leases,
            case when l.blocked_until > clock_timestamp() then l.blocked_until end as "blockedUntil", l.blocked_why as "blockedWhy"
       from evenkeel.rate_limit l
       left join lateral (select sum(used) as used, sum(refused) as refused from evenkeel.rate_second r
                           where r.rate_limit = l.name and r.second > clock_timestamp() - interval '60 seconds') s on true
       left join lateral (select count(*) filter (where state in ('open', 'approved')) as waiting,
                                 count(*) filter (where state = 'claimed') as under_way
                            from evenkeel.invariant i join evenkeel.violation v on v.invariant = i.name
                           where i.limit_name = l.name and i.retired_at is null) v on true
      order by l.name`,
  );
  return rows.map(
    ({ toldRate, toldAt, foundRate, refusedAt, used, refused, blockedUntil, blockedWhy, ...row }) => ({
      ...row,
      learned:
        toldRate !== null && toldAt
          ? { rate: toldRate, by: 'told' as const, at: toldAt }
          : foundRate !== null && refusedAt
            ? { rate: foundRate, by: 'refused' as const, at: refusedAt }
            : null,
      minute: { used, refused },
      blocked: blockedUntil && { until: blockedUntil, why: blockedWhy ?? '' },
    }),
  );
}

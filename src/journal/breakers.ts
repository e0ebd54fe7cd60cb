import type { Pool } from '../db/pool.ts';

/** Who broke things, and how: from what was healed last and what is open. */
export interface Breakers {
  /** So many violations were looked at, and of so many the cause is known. */
  readonly of: number;
  readonly known: number;
  /** The oldest of them was seen then. */
  readonly since: Date | null;
  readonly statements: readonly Statement[];
  readonly roles: readonly {
    readonly role: string;
    readonly application: string;
    readonly violations: number;
  }[];
  readonly transactions: readonly Transaction[];
}

export interface Statement {
  readonly table: string;
  readonly operation: string;
  readonly invariants: readonly string[];
  readonly violations: number;
}

export interface Transaction {
  readonly xid: string;
  readonly at: Date;
  readonly table: string;
  readonly operation: string;
  readonly role: string | null;
  readonly application: string | null;
  readonly invariants: readonly string[];
  readonly violations: number;
}

/** So many heals are looked at, the last ones. */
const some = 10_000;

const told = `told as materialized (
  select invariant, cause, opened_at from evenkeel.violation
  union all
  (select invariant, cause, opened_at from evenkeel.entry
    where opened_at is not null and action not in ('undo', 'effect') and because_of is null order by id desc limit ${some})
)`;

export async function breakers(pool: Pool): Promise<Breakers> {
  const { rows } = await pool.query<Breakers>(
    `with ${told}, known as materialized (
       select invariant, cause->>'table' as t, cause->>'operation' as operation, cause->>'role' as role,
              cause->>'application' as application, cause->>'xid' as xid, cause->>'at' as at from told where cause is not null
     )
     select (select count(*) from told)::int as of, (select count(*) from known)::int as known,
            (select min(opened_at) from told) as since,
            coalesce((select json_agg(x) from (
              select t as table, operation, array_agg(distinct invariant) as invariants, count(*)::int as violations
                from known group by 1, 2 order by 4 desc, 1 limit 20) x), '[]') as statements,
            coalesce((select json_agg(x) from (
              select role, coalesce(application, '') as application, count(*)::int as violations
                from known where role is not null group by 1, 2 order by 3 desc, 1 limit 20) x), '[]') as roles,
            coalesce((select json_agg(x) from (
              select xid, max(at) as at, min(t) as table, min(operation) as operation, min(role) as role, min(application) as application,
                     array_agg(distinct invariant) as invariants, count(*)::int as violations
                from known where xid is not null group by 1 order by 8 desc, 2 desc limit 20) x), '[]') as transactions`,
  );
  const found = rows[0] as Breakers;
  return { ...found, transactions: found.transactions.map(one => ({ ...one, at: new Date(one.at) })) };
}

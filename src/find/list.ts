import type { Pool } from '../db/pool.ts';
import type { Key, Values, Violation } from '../ask/ask.ts';
import type { Caused } from './ledger.ts';
import type { State } from './states.ts';

/** A violation as the ledger lists it. */
export interface Listed {
  readonly id: string;
  readonly invariant: string;
  readonly key: Key;
  readonly keyColumns: readonly string[];
  readonly state: State;
  readonly kind: Violation['kind'];
  /** What is, and what should be. */
  readonly evidence: Values;
  readonly wanted: Values;
  /** Remedies as declared; '' where a person decides. */
  readonly heal: string;
  readonly openedAt: Date;
  /** Null: found by looking at everything. */
  readonly cause: Caused | null;
  /** Not healed before. */
  readonly dueAt: Date;
  readonly attempts: number;
  readonly reason: string | null;
  readonly decidedBy: string | null;
}

export interface ViolationFilter {
  readonly invariant?: string | undefined;
  readonly states?: readonly State[] | undefined;
  /** Long values are cut, in the database. */
  readonly brief?: boolean;
  /** Only those with a smaller id: the page after the one that ended there. */
  readonly before?: string | undefined;
  readonly limit: number;
}

/** Violations, newest first; `next`: what to give as `before` for the page after, undefined where there is none. */
export async function listViolations(
  pool: Pool,
  filter: ViolationFilter,
): Promise<{ violations: Listed[]; next: string | undefined }> {
  const image = (name: string) => (filter.brief ? `evenkeel.brief(v.${name}) as ${name}` : `v.${name}`);
  const { rows } = await pool.query<Listed>(
    `select v.id, v.invariant, v.key, coalesce(i.key, '{}') as "keyColumns", v.state, v.kind,
            ${image('evidence')}, ${image('wanted')},
            coalesce(i.heal, '') as heal, v.opened_at as "openedAt", v.due_at as "dueAt", v.attempts, v.reason,
            v.decided_by as "decidedBy", v.cause
       from evenkeel.violation v left join evenkeel.invariant i on i.name = v.invariant
      where ($1::text is null or v.invariant = $1) and ($2::bigint is null or v.id < $2)
        and ($3::text[] is null or v.state = any($3))
      order by v.id desc limit $4`,
    [filter.invariant ?? null, filter.before ?? null, filter.states ?? null, filter.limit + 1],
  );
  const violations = rows.slice(0, filter.limit);
  return { violations, next: rows.length > filter.limit ? violations.at(-1)?.id : undefined };
}

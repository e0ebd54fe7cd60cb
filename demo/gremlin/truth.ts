/**
 * The gremlin's table of truth, in a database of its own that Evenkeel never sees: what was broken, when its
 * transaction committed, and what the judge found out since.
 */
import type { Pool } from 'pg';
import type { RuleName } from '../judge/rules.ts';
import type { Kind } from './faults.ts';

export interface Truth {
  readonly id: number;
  readonly kind: Kind;
  readonly invariant: RuleName;
  readonly subject: readonly string[];
  /** The customer that has to follow, for faults in an order. */
  readonly follower: string | null;
  /** When the corrupting transaction committed; null until then. */
  readonly injected_at: Date | null;
  readonly detected_at: Date | null;
  readonly healed_at: Date | null;
}

export async function createTruth(pool: Pool): Promise<void> {
  await pool.query(`create table truth (
    id int generated always as identity primary key,
    kind text not null,
    invariant text not null,
    subject text[] not null,
    follower text,
    injected_at timestamptz,
    detected_at timestamptz,
    healed_at timestamptz
  )`);
}

/** Written before the fault is: whoever sees the fault finds it here. */
export async function announce(
  pool: Pool,
  fault: Pick<Truth, 'kind' | 'invariant' | 'subject' | 'follower'>,
): Promise<number> {
  const { rows } = await pool.query<{ id: number }>(
    'insert into truth (kind, invariant, subject, follower) values ($1, $2, $3, $4) returning id',
    [fault.kind, fault.invariant, fault.subject, fault.follower],
  );
  return rows[0]!.id;
}

export async function note(
  pool: Pool,
  id: number,
  what: 'injected_at' | 'detected_at' | 'healed_at',
  at: Date,
): Promise<void> {
  await pool.query(`update truth set ${what} = $2 where id = $1`, [id, at]);
}

export async function readTruth(pool: Pool, which: 'all' | 'open' = 'all'): Promise<Truth[]> {
  const where = which === 'open' ? 'where healed_at is null' : '';
  const { rows } = await pool.query<Truth>(`select * from truth ${where} order by id`);
  return rows;
}

/** The moment in which a transaction became visible to others (the server keeps it: track_commit_timestamp). */
export async function committedAt(shop: Pool, xid: string): Promise<Date> {
  const { rows } = await shop.query<{ at: Date }>('select pg_xact_commit_timestamp($1::xid) as at', [xid]);
  return rows[0]!.at;
}

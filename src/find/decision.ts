import type { Pool, Tx } from '../db/pool.ts';
import type { Key } from '../ask/ask.ts';

/** What a person decided, whichever door they came through. Undoing is an entry of the journal itself. */
export interface Decision {
  readonly id: string;
  readonly at: Date;
  readonly by: string;
  readonly what: 'approve' | 'hold' | 'resume' | 'sweep';
  readonly invariant: string;
  /** Of the subject; null: the invariant itself, or several. */
  readonly key: Key | null;
  readonly keyColumns: readonly string[];
  readonly count: number;
  readonly why: string | null;
}

/** Commits with what was decided. */
export async function noteDecision(
  tx: Tx,
  {
    by,
    what,
    invariant,
    key = null,
    count = 1,
    why = null,
  }: Pick<Decision, 'by' | 'what' | 'invariant'> & {
    key?: Key | null;
    count?: number;
    why?: string | null;
  },
): Promise<void> {
  await tx.query(
    'insert into evenkeel.decision (by, what, invariant, key, count, why) values ($1, $2, $3, $4, $5, $6)',
    [by, what, invariant, key, count, why],
  );
}

/** The latest, of one invariant or of all. */
export async function decisions(
  pool: Pool,
  invariant: string | undefined,
  limit: number,
): Promise<Decision[]> {
  const { rows } = await pool.query<Decision>(
    `select d.id, d.at, d.by, d.what, d.invariant, d.key, d.count, d.why,
            coalesce((select i.key from evenkeel.invariant i where i.name = d.invariant), '{}') as "keyColumns"
       from evenkeel.decision d where $1::text is null or d.invariant = $1 order by d.id desc limit $2`,
    [invariant ?? null, limit],
  );
  return rows;
}

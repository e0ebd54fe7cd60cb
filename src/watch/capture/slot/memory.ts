import type { Pool } from '../../../db/pool.ts';

/**
 * What the database remembers of the slot that tells its changes. A slot that it doesn't remember (made by a process that
 * died before its gap was noted, on a standby that was promoted, in another copy) counts as a gap, as does a publication
 * that isn't the same any more; a table whose mark changed meanwhile is to be looked at whole.
 */
export interface Memory {
  readonly slot: string;
  /** Oid of the publication. */
  readonly publication: string;
  /** Oid of the table → its mark; one that was not published is missing. */
  readonly marks: Readonly<Record<string, string>>;
}

export async function recall(pool: Pool): Promise<Memory | undefined> {
  const { rows } = await pool.query<{ slot: Memory | null }>('select slot from evenkeel.capture');
  return rows[0]?.slot ?? undefined;
}

export async function remember(pool: Pool, memory: Memory): Promise<void> {
  await pool.query('update evenkeel.capture set slot = $1', [JSON.stringify(memory)]);
}

/** SQL: no slot tells everything, whatever happens next. */
export const forget = 'update evenkeel.capture set slot = null';

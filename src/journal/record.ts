import type { Tx } from '../db/pool.ts';
import type { Key, Values } from '../find/ask.ts';

/** A journal entry before it is written: one row of a table, before and after. */
export interface Draft {
  readonly invariant: string;
  readonly hash: string;
  readonly action: 'set' | 'insert' | 'append' | 'remove' | 'effect' | 'undo';
  /** Qualified and quoted. */
  readonly table: string;
  readonly key: Key;
  readonly keyColumns: readonly string[];
  /** Column → text; null: there was no such row. Of `set` only what it wrote. */
  readonly before: Values | null;
  readonly after: Values | null;
  readonly subject: Key;
  readonly openedAt: Date | null;
  readonly decidedBy: string;
  readonly becauseOf: string | undefined;
  /** Invariants that read what was written and can't be asked by key. */
  unchecked?: readonly string[];
  readonly undoes?: string;
}

/** Appends entries, in order. They commit with what they tell of, or not at all. */
export async function journal(tx: Tx, entries: readonly Draft[]): Promise<void> {
  if (entries.length === 0) return;
  await tx.query(
    `insert into evenkeel.entry (invariant, hash, action, table_name, key, key_columns, before, after, subject, opened_at,
                                 decided_by, because_of, unchecked, undoes)
     select e->>'invariant', e->>'hash', e->>'action', e->>'table', array(select jsonb_array_elements_text(e->'key')),
            array(select jsonb_array_elements_text(e->'keyColumns')), nullif(e->'before', 'null'), nullif(e->'after', 'null'),
            array(select jsonb_array_elements_text(e->'subject')), (e->>'openedAt')::timestamptz, e->>'decidedBy',
            e->>'becauseOf', array(select jsonb_array_elements_text(coalesce(e->'unchecked', '[]'))), (e->>'undoes')::bigint
       from jsonb_array_elements($1::jsonb) with ordinality x(e, n) order by n`,
    [JSON.stringify(entries)],
  );
}

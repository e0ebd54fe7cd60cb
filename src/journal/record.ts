import { type Tx, arrayText } from '../db/pool.ts';
import type { Key, Values } from '../ask/ask.ts';

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

/**
 * Appends entries, in order; they commit with what they tell of. A batch's entries are alike but for their rows, so each
 * run of alike ones is one statement in which only the rows are arrays.
 */
export async function journal(tx: Tx, entries: readonly Draft[]): Promise<void> {
  for (const run of runsOf(entries)) await append(tx, run);
}

function runsOf(entries: readonly Draft[]): Draft[][] {
  const runs: Draft[][] = [];
  let alike = '';
  for (const entry of entries) {
    const { invariant, hash, action, table, keyColumns, decidedBy, becauseOf, unchecked } = entry;
    const now = JSON.stringify([invariant, hash, action, table, keyColumns, decidedBy, becauseOf, unchecked]);
    if (now === alike) runs.at(-1)?.push(entry);
    else runs.push([entry]);
    alike = now;
  }
  return runs;
}

async function append(tx: Tx, run: readonly Draft[]): Promise<void> {
  const [first] = run;
  if (!first) return;
  const json = (values: Values | null) => (values === null ? null : JSON.stringify(values));
  await tx.query(
    `insert into evenkeel.entry (invariant, hash, action, table_name, key_columns, decided_by, because_of, unchecked,
                                 key, subject, before, after, opened_at, undoes)
     select $1, $2, $3, $4, $5, $6, $7, $8, key::text[], subject::text[], before::jsonb, after::jsonb, opened_at, undoes
       from unnest($9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::bigint[]) with ordinality
         as e(key, subject, before, after, opened_at, undoes, n) order by n`,
    [
      first.invariant,
      first.hash,
      first.action,
      first.table,
      first.keyColumns,
      first.decidedBy,
      first.becauseOf ?? null,
      first.unchecked ?? [],
      run.map(({ key }) => arrayText(key)),
      run.map(({ subject }) => arrayText(subject)),
      run.map(({ before }) => json(before)),
      run.map(({ after }) => json(after)),
      run.map(({ openedAt }) => openedAt),
      run.map(({ undoes }) => undoes ?? null),
    ],
  );
}

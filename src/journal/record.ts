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
  /** As Postgres prints it. */
  readonly openedAt: string | null;
  /** What broke it, as the ledger has it (JSON); null: not known. */
  readonly cause: string | null;
  readonly decidedBy: string;
  readonly becauseOf: string | undefined;
  /** Invariants that read what was written and can't be asked by key. */
  unchecked?: readonly string[] | undefined;
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
  for (const entry of entries) {
    const run = runs.at(-1);
    if (run?.[0] && areAlike(run[0], entry)) run.push(entry);
    else runs.push([entry]);
  }
  return runs;
}

const areAlike = (a: Draft, b: Draft): boolean =>
  a.invariant === b.invariant &&
  a.hash === b.hash &&
  a.action === b.action &&
  a.table === b.table &&
  a.decidedBy === b.decidedBy &&
  a.becauseOf === b.becauseOf &&
  isSame(a.keyColumns, b.keyColumns) &&
  isSame(a.unchecked ?? [], b.unchecked ?? []);

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((name, i) => name === b[i]));

async function append(tx: Tx, run: readonly Draft[]): Promise<void> {
  const [first] = run;
  if (!first) return;
  const json = (values: Values | null) => (values === null ? null : JSON.stringify(values));
  await tx.query(
    `insert into evenkeel.entry (invariant, hash, action, table_name, key_columns, decided_by, because_of, unchecked,
                                 key, subject, before, after, opened_at, cause, undoes)
     select $1, $2, $3, $4, $5, $6, $7, $8, key::text[], coalesce(subject, key)::text[], before::jsonb, after::jsonb, opened_at, cause::jsonb, undoes
       from unnest($9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::text[], $15::bigint[]) with ordinality
         as e(key, subject, before, after, opened_at, cause, undoes, n) order by n`,
    [
      first.invariant,
      first.hash,
      first.action,
      first.table,
      first.keyColumns,
      first.decidedBy,
      first.becauseOf ?? null,
      first.unchecked ?? [],
      arrayText(run.map(({ key }) => arrayText(key))),
      arrayText(run.map(({ key, subject }) => (subject === key ? null : arrayText(subject)))),
      arrayText(run.map(({ before }) => json(before))),
      arrayText(run.map(({ after }) => json(after))),
      arrayText(run.map(({ openedAt }) => openedAt)),
      arrayText(run.map(({ cause }) => cause)),
      arrayText(run.map(({ undoes }) => undoes ?? null)),
    ],
  );
}

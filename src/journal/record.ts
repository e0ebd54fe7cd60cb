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

/** Appends entries, in order. They commit with what they tell of. Parallel arrays: a third of the time of one JSON text. */
export async function journal(tx: Tx, entries: readonly Draft[]): Promise<void> {
  if (entries.length === 0) return;
  const json = (values: Values | null) => (values === null ? null : JSON.stringify(values));
  await tx.query(
    `insert into evenkeel.entry (invariant, hash, action, table_name, key, key_columns, before, after, subject, opened_at,
                                 decided_by, because_of, unchecked, undoes)
     select invariant, hash, action, table_name, key::text[], key_columns::text[], before::jsonb, after::jsonb,
            subject::text[], opened_at, decided_by, because_of, unchecked::text[], undoes
       from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                   $10::timestamptz[], $11::text[], $12::text[], $13::text[], $14::bigint[]) with ordinality
         as e(invariant, hash, action, table_name, key, key_columns, before, after, subject, opened_at, decided_by,
              because_of, unchecked, undoes, n) order by n`,
    [
      entries.map(({ invariant }) => invariant),
      entries.map(({ hash }) => hash),
      entries.map(({ action }) => action),
      entries.map(({ table }) => table),
      entries.map(({ key }) => arrayText(key)),
      entries.map(({ keyColumns }) => arrayText(keyColumns)),
      entries.map(({ before }) => json(before)),
      entries.map(({ after }) => json(after)),
      entries.map(({ subject }) => arrayText(subject)),
      entries.map(({ openedAt }) => openedAt),
      entries.map(({ decidedBy }) => decidedBy),
      entries.map(({ becauseOf }) => becauseOf ?? null),
      entries.map(({ unchecked }) => arrayText(unchecked ?? [])),
      entries.map(({ undoes }) => undoes ?? null),
    ],
  );
}

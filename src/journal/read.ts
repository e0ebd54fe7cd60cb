import { type Pool, sqlState } from '../db/pool.ts';
import type { Key, Values } from '../ask/ask.ts';
import type { Caused } from '../find/ledger.ts';
import type { Draft } from './record.ts';

/** An entry of the journal as a person reads it. */
export interface Told {
  readonly id: string;
  readonly at: Date;
  readonly xid: string;
  readonly invariant: string;
  readonly action: Draft['action'];
  /** Qualified and quoted. */
  readonly table: string;
  readonly key: Key;
  readonly keyColumns: readonly string[];
  /** Column → text; null: there was no such row. */
  readonly before: Values | null;
  readonly after: Values | null;
  readonly subject: Key;
  /** Names of the subject's parts, as its invariant has them now. */
  readonly subjectColumns: readonly string[];
  /** When the violation was first seen. */
  readonly openedAt: Date | null;
  /** What broke it; null: not known. */
  readonly cause: Caused | null;
  readonly decidedBy: string;
  readonly becauseOf: string | null;
  readonly unchecked: readonly string[];
  readonly undoes: string | null;
  readonly undoneBy: string | null;
}

export interface JournalFilter {
  readonly invariant?: string | undefined;
  /** `[schema.]table`, as written in SQL. */
  readonly table?: string | undefined;
  /** Of the row that was written, or of the violation. */
  readonly key?: Key | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  /** Only entries with a smaller id: the page after the one that ended there. */
  readonly before?: string | undefined;
  readonly limit: number;
  /** Long values are cut, in the database. */
  readonly brief?: boolean;
}

/**
 * Entries, newest first. Pages go by id, not by offset, so that what is journaled meanwhile moves none of them; `next` is
 * what to give as `before` for the page after, undefined where there is none.
 */
export async function readJournal(
  pool: Pool,
  filter: JournalFilter,
): Promise<{ entries: Told[]; next: string | undefined }> {
  const image = (name: string) => (filter.brief ? `evenkeel.brief(${name}) as ${name}` : name);
  // By its own indexes first, else the planner may read the journal backwards until enough are found.
  const row = filter.key
    ? `id = any(array(select id from evenkeel.entry where key = $3 union
                      select id from evenkeel.entry where subject = $3 and key <> subject))`
    : '$3::text[] is null';
  const from = filter.since ? 'and id >= (select evenkeel.entries_since($4))' : '';
  // It leaves ten minutes to what was committed late; here they count on the other side.
  const to = filter.until
    ? `and id <= (select evenkeel.entries_since($6::timestamptz + interval '20 minutes'))`
    : '';
  const { rows } = await pool.query<Told>(
    // Entries of that time begin at an id that is found by halving: reading up to them may mean reading them all.
    `select id, at, xid::text, invariant, action, table_name as table, key, key_columns as "keyColumns", ${image('before')}, ${image('after')},
            subject, opened_at as "openedAt", cause, decided_by as "decidedBy", because_of as "becauseOf", unchecked, undoes,
            undone_by as "undoneBy",
            coalesce((select i.key from evenkeel.invariant i where i.name = e.invariant), '{}') as "subjectColumns"
       from evenkeel.entry e
      where ($1::text is null or invariant = $1) and ($2::text[] is null or table_name = any($2))
        and ${row} and ($4::timestamptz is null or at >= $4)
        and ($5::bigint is null or id < $5) and ($6::timestamptz is null or at < $6) ${from} ${to}
      order by id desc limit $7`,
    [
      filter.invariant ?? null,
      filter.table === undefined ? null : await names(pool, filter.table),
      filter.key ?? null,
      filter.since ?? null,
      filter.before ?? null,
      filter.until ?? null,
      filter.limit + 1,
    ],
  );
  const entries = rows.slice(0, filter.limit);
  return { entries, next: rows.length > filter.limit ? entries.at(-1)?.id : undefined };
}

/** How the journal may call this table: as Postgres resolves it now, or as written where it is gone. */
async function names(pool: Pool, table: string): Promise<string[]> {
  const found = await pool
    .query<{ name: string }>(
      `select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)`,
      [table],
    )
    .catch((error: unknown) => {
      // No name of a table at all, or one of another database.
      if (/^(42601|42602|0A000|22)/.test(sqlState(error) ?? '')) return { rows: [] };
      throw error;
    });
  return [...found.rows.map(row => row.name), table, `public.${table}`];
}

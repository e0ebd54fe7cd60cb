/** Evenkeel's journal and ledger, read from outside as any person with psql can. */
import type { Pool } from 'pg';

export type Columns = Readonly<Record<string, string | null>>;

export interface Entry {
  readonly id: number;
  readonly invariant: string;
  readonly action: 'set' | 'insert' | 'append' | 'remove' | 'effect' | 'undo';
  readonly table: string;
  readonly key: readonly string[];
  readonly key_columns: readonly string[];
  readonly before: Columns | null;
  readonly after: Columns | null;
  readonly subject: readonly string[];
  readonly because_of: string | null;
  /** When its transaction committed. */
  readonly committed_at: Date;
}

export interface Journal {
  /** All entries so far, oldest first. */
  readonly entries: readonly Entry[];
  /** Reads what is new; gives it. */
  read(): Promise<Entry[]>;
}

/** Ids may commit out of order: how far back to look again. */
const reach = 2000;

export function tail(shop: Pool): Journal {
  const entries = new Map<number, Entry>();
  let highest = 0;
  return {
    get entries() {
      return [...entries.values()];
    },
    async read() {
      const { rows } = await shop.query<Entry>(
        `select id::int, invariant, action, table_name as table, key, key_columns, before, after, subject, because_of,
                pg_xact_commit_timestamp(xid::xid) as committed_at
           from evenkeel.entry where id > $1 order by id`,
        [highest - reach],
      );
      const fresh = rows.filter(({ id }) => !entries.has(id));
      for (const entry of fresh) {
        entries.set(entry.id, entry);
        highest = Math.max(highest, entry.id);
      }
      return fresh;
    },
  };
}

export interface Found {
  readonly invariant: string;
  readonly key: readonly string[];
  readonly state: string;
  readonly opened_at: Date;
}

/** What Evenkeel knows to be wrong at this moment. */
export async function readLedger(shop: Pool): Promise<Found[]> {
  const { rows } = await shop.query<Found>('select invariant, key, state, opened_at from evenkeel.violation');
  return rows;
}

import type { Pool } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import type { Key, Values } from '../ask/ask.ts';
import type { UndoRequest } from './undo.ts';

/** A journal entry as it is read back to be reversed. */
export interface Entry {
  readonly id: string;
  readonly xid: string;
  readonly invariant: string;
  readonly hash: string;
  readonly action: 'set' | 'insert' | 'append' | 'remove' | 'effect';
  readonly table: string;
  readonly key: Key;
  readonly keyColumns: readonly string[];
  readonly before: Values | null;
  readonly after: Values | null;
  readonly subject: Key;
}

const columns = `e.id, e.xid, e.invariant, e.hash, e.action, e.table_name as "table", e.key, e.key_columns as "keyColumns",
  e.before, e.after, e.subject`;

/**
 * The entries that a request means, whole heals at a time, oldest first. Undone ones are passed over.
 * @throws no-such
 */
export async function readEntries(pool: Pool, request: UndoRequest): Promise<Entry[]> {
  if (request.entries) return readByIds(pool, request.entries);
  const { rows } = await pool.query<Entry>(
    `select ${columns} from evenkeel.entry e
      where e.invariant = $1 and e.at >= $2 and e.action <> 'undo' and e.undone_by is null order by e.id`,
    [request.invariant, request.since ?? new Date(0)],
  );
  return rows;
}

async function readByIds(pool: Pool, ids: readonly string[]): Promise<Entry[]> {
  const { rows: named } = await pool.query<{ id: string; action: string; undone: boolean }>(
    'select id, action, undone_by is not null as undone from evenkeel.entry where id = any($1)',
    [ids],
  );
  for (const id of ids) {
    const entry = named.find(one => one.id === id);
    const message = !entry
      ? `there is no entry ${id}`
      : entry.action === 'undo'
        ? `entry ${id} is itself an undo`
        : entry.undone
          ? `entry ${id} was undone already`
          : undefined;
    if (message) throw new EvenkeelError('no-such', message);
  }
  const { rows } = await pool.query<Entry>(
    `select ${columns} from evenkeel.entry e
       join (select distinct invariant, subject, xid from evenkeel.entry where id = any($1)) n
         on n.invariant = e.invariant and n.subject = e.subject and n.xid = e.xid
      where e.action <> 'undo' and e.undone_by is null
      order by e.id`,
    [ids],
  );
  return rows;
}

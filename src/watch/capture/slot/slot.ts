import { randomBytes } from 'node:crypto';
import { EvenkeelError } from '../../../errors.ts';
import { type Pool, often, sqlState } from '../../../db/pool.ts';
import type { Stream } from './stream.ts';

/** A slot of ours, as the server sees it. */
export interface Slot {
  readonly name: string;
  readonly active: boolean;
  /** Bytes of WAL that it holds back; undefined: none any more. */
  readonly held: number | undefined;
  /** 'reserved', 'extended', 'unreserved' (it may be lost at the next checkpoint) or 'lost'. */
  readonly status: string;
  /** Bytes that may still be written before it is lost; null: no limit is set. */
  readonly safe: number | null;
  /** Where it was last confirmed. */
  readonly confirmed: string | null;
  /** Not read since; known from Postgres 17 on. */
  readonly inactiveSince: Date | null;
}

/** The name holds the database's oid, as slots are the server's; and a random part, so that one made anew is told apart. */
const prefix = `'evenkeel\\_' || (select oid from pg_database where datname = current_database()) || '\\_%'`;

/** The slots of this database that Evenkeel made: one, and what a crash left. */
export async function findSlots(pool: Pool): Promise<Slot[]> {
  return often<Slot>(
    pool,
    `select slot_name as name, active, wal_status as status, safe_wal_size::float8 as safe,
            confirmed_flush_lsn::text as confirmed,
            pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 as held,
            (to_jsonb(s) ->> 'inactive_since')::timestamptz as "inactiveSince"
       from pg_replication_slots s
      where slot_type = 'logical' and database = current_database() and slot_name like ${prefix}
      order by slot_name`,
  );
}

/**
 * Makes a slot; resolves once all transactions that run now have ended, as the slot can tell only of later ones. From
 * Postgres 17 on a standby keeps a copy, so that a failover leaves no gap.
 */
export async function createSlot(stream: Stream): Promise<string> {
  const [here] = await stream.query<{ database: string; major: number }>(
    `select oid::text as database, current_setting('server_version_num')::int / 10000 as major
       from pg_database where datname = current_database()`,
  );
  if (!here) throw new Error('pg_database has no row of this database');
  const name = `evenkeel_${here.database}_${randomBytes(4).toString('hex')}`;
  const failover = here.major >= 17 ? ', false, true' : '';
  await stream.query(
    `select from pg_create_logical_replication_slot('${name}', 'pgoutput', false${failover})`,
  );
  return name;
}

/** @throws slot-busy where somebody reads it */
export async function dropSlot(pool: Pool, name: string): Promise<void> {
  try {
    await pool.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1',
      [name],
    );
  } catch (error) {
    throw sqlState(error) === '55006' ? busy(name, error) : error;
  }
}

export const busy = (name: string, cause?: unknown): EvenkeelError =>
  new EvenkeelError('slot-busy', `another process reads the slot ${name}`, { cause });

/** For `evenkeel uninstall`: drops what slot capture made, so that nothing holds back WAL. @throws slot-busy */
export async function removeSlots(pool: Pool, publication: string): Promise<string[]> {
  const slots = await findSlots(pool);
  for (const { name } of slots) await dropSlot(pool, name);
  await pool.query(`drop publication if exists ${publication}`);
  return slots.map(({ name }) => name);
}

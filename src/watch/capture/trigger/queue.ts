import type { Pool } from '../../../db/pool.ts';
import { transaction } from '../../../db/pool.ts';

/**
 * Reads the queue `evenkeel.change` without locking or holding anything. What is new since the last look is exactly what the
 * last snapshot didn't see and this one does, so looks go by transaction id: those at or past the last snapshot's end, and those
 * that were running then and have ended since. One that runs on is told when it has committed, and holds nobody back; rows that
 * were deleted, and that a long snapshot of somebody else keeps vacuum from removing, lie behind and are never met again.
 *
 * Rows are deleted when they are acknowledged, not when they are read: nothing is lost with the reader, a second reader only
 * tells everything twice, no transaction stays open meanwhile, and it works behind a pooler.
 */
export class Queue {
  readonly #pool: Pool;
  /** What was listed so far: everything before `end` but those that were running. */
  #seen: { readonly end: bigint; readonly running: readonly bigint[] } = { end: 0n, running: [] };

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Transactions that were committed since the last call, the one that wrote last at the end; at most `limit`. */
  async list(limit = 10_000): Promise<Listed> {
    const { end, running } = this.#seen;
    const { rows } = await this.#read(tx =>
      tx.query<{
        snapshot: string;
        at: Date;
        lost: string;
        transactions: [string, number, number][] | null;
      }>(listing, [end, running, limit]),
    );
    const [{ snapshot, at, lost, transactions }] = rows as [(typeof rows)[0]];
    const listed = transactions ?? [];
    const now = parse(snapshot);
    const complete = listed.length < limit;
    this.#seen = complete ? { end: now.end, running: now.running } : this.#cut(now, listed);
    return {
      transactions: listed.map(([xid, rows, bytes]) => ({ xid, rows, bytes })),
      complete,
      at,
      lost,
      oldest: now.oldest,
      end: now.end,
    };
  }

  /** Listed were those up to the highest xid of the list, and no others. */
  #cut(
    now: Snapshot,
    listed: readonly (readonly [string, ...unknown[]])[],
  ): { end: bigint; running: bigint[] } {
    const { end, running } = this.#seen;
    const last = listed.reduce((most, [xid]) => (BigInt(xid) > most ? BigInt(xid) : most), 0n);
    return {
      end: last >= end ? last + 1n : end,
      running: [
        ...running.filter(xid => xid > last || now.running.includes(xid)),
        ...now.running.filter(xid => xid >= end && xid <= last),
      ],
    };
  }

  /** Rows of these transactions after `id`, some at a time, in the order in which they were written. */
  async rows(xids: readonly string[], after: string): Promise<Row[]> {
    const { rows } = await this.#read(tx => tx.query<Row>(reading, [xids, after]));
    return rows;
  }

  async remove(xids: readonly string[]): Promise<void> {
    if (xids.length === 0) return;
    await transaction(this.#pool, limits, tx =>
      tx.query('delete from evenkeel.change where xid = any($1::xid8[])', [xids]),
    );
  }

  #read<T>(work: Parameters<typeof transaction<T>>[2]): Promise<T> {
    return transaction(this.#pool, { ...limits, readOnly: true }, work);
  }
}

export interface Listed {
  /** `bytes`: of the images, as they are stored. */
  readonly transactions: readonly { readonly xid: string; readonly rows: number; readonly bytes: number }[];
  /** Nothing else was committed before `at`. */
  readonly complete: boolean;
  readonly at: Date;
  /** How often appending failed, in transactions committed or not. */
  readonly lost: string;
  /** The oldest transaction that runs. */
  readonly oldest: bigint;
  /** Past the newest one that has begun to write. */
  readonly end: bigint;
}

export type Images = readonly (readonly (string | null)[])[];

export interface Row {
  readonly xid: string;
  readonly id: string;
  readonly at: Date;
  readonly relation: string;
  readonly operation: 'insert' | 'update' | 'delete' | 'truncate';
  readonly columns: readonly string[] | null;
  /** By column; null: any row may have changed. */
  readonly images: Images | null;
  /** Of an update, the images before; null: they are among the others. */
  readonly was: Images | null;
  readonly why: string | null;
  readonly role: string;
  readonly application: string;
}

/** At most so many rows, and stored bytes of images, are read at once. */
export const page = { rows: 500, bytes: 1_000_000 };

const limits = { statement: 30_000, lock: 500, schemas: ['pg_catalog'] };

interface Snapshot {
  readonly oldest: bigint;
  readonly end: bigint;
  readonly running: readonly bigint[];
}

/** `xmin:xmax:xip,xip` */
function parse(snapshot: string): Snapshot {
  const [oldest, end, running] = snapshot.split(':') as [string, string, string];
  return {
    oldest: BigInt(oldest),
    end: BigInt(end),
    running: running === '' ? [] : running.split(',').map(BigInt),
  };
}

/** Of a row of the queue. */
export const storedBytes = 'coalesce(pg_column_size(images), 0) + coalesce(pg_column_size(was), 0)';

// One that runs on is left out: what it has written so far would be walked over at every look.
const listing = `
select pg_current_snapshot()::text as snapshot, statement_timestamp() as at,
       (select last_value + is_called::int from evenkeel.change_lost)::text as lost,
       (select json_agg(json_build_array(xid::text, rows, bytes) order by last) from (
          select xid, count(*) as rows, coalesce(sum(bytes), 0) as bytes, max(id) as last from (
            select xid, id, ${storedBytes} as bytes from evenkeel.change where xid >= $1::text::xid8
             union all
            select c.* from unnest($2::text[]) seen(xid)
             cross join lateral (select xid, id, ${storedBytes} as bytes from evenkeel.change where xid = seen.xid::xid8 offset 0) c
             where pg_visible_in_snapshot(seen.xid::xid8, pg_current_snapshot())) c
           group by xid order by xid limit $3) t) as transactions`;

const reading = `
select xid::text, id::text, at, relation::int8::text as relation, operation, columns, array_to_json(images) as images, array_to_json(was) as was, why, role,
       application
  from (select *, sum(${storedBytes}) over (order by id) as bytes, row_number() over (order by id) as n
          from (select * from evenkeel.change where xid = any($1::xid8[]) and id > $2 order by id limit ${page.rows}) p) q
 where n = 1 or bytes <= ${page.bytes} order by q.id`;

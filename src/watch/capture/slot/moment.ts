import { type Pool, often } from '../../../db/pool.ts';
import type { Position } from '../capture.ts';

/**
 * The stream tells transactions by 32 bits. `near` is an xid8 of about the same time: none that is decoded is further from
 * it than half the circle, or Postgres itself couldn't tell which came first.
 */
export function fullXid(xid: number, near: bigint): bigint {
  return near + BigInt((xid - Number(near & 0xffff_ffffn)) | 0);
}

/** Postgres counts microseconds since 2000-01-01. */
export const dateOf = (micros: number): Date => new Date(Date.UTC(2000) + micros / 1000);

/** '16/B374D848' */
export function parseLsn(text: string): bigint {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** What the server says of now: every transaction that was visible `at` ends before `lsn`. */
export interface Moment {
  readonly at: Date;
  readonly lsn: Position;
  readonly xmin: bigint;
  readonly xmax: bigint;
}

export async function moment(pool: Pool): Promise<Moment> {
  const [row] = await often<{ at: Date; lsn: string; xmin: string; xmax: string }>(
    pool,
    `select clock_timestamp() as at, pg_current_wal_insert_lsn()::text as lsn,
            pg_snapshot_xmin(s)::text as xmin, pg_snapshot_xmax(s)::text as xmax from pg_current_snapshot() s`,
  );
  if (!row) throw new Error('the server said nothing');
  const lsn = parseLsn(row.lsn);
  // At the start of a page of WAL it points behind the header, where no record has ended yet.
  const header = lsn % 8192n <= 40n ? lsn % 8192n : 0n;
  return { at: row.at, lsn: lsn - header, xmin: BigInt(row.xmin), xmax: BigInt(row.xmax) };
}

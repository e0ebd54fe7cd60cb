import type { Pool, Tx } from '../db/pool.ts';

/**
 * Can a snapshot see what a transaction (xid8, decimal) committed?
 * @param snapshot as pg_snapshot prints it: `xmin:xmax:xip,…` (PostgreSQL documentation, 9.27)
 */
export function visibleIn(snapshot: string): (xid: string) => boolean {
  const [xmin = '0', xmax = '0', list = ''] = snapshot.split(':');
  const [from, to] = [BigInt(xmin), BigInt(xmax)];
  const running = new Set(list.split(','));
  const known = new Map<string, boolean>();
  return xid => {
    let seen = known.get(xid);
    if (seen === undefined) {
      const id = BigInt(xid);
      seen = id < from || (id < to && !running.has(xid));
      known.set(xid, seen);
    }
    return seen;
  };
}

/** So many transactions that write were in progress. */
export const runningIn = (snapshot: string): number => snapshot.split(':')[2]?.match(/\d+/g)?.length ?? 0;

/** What `visibleIn` says, of a snapshot taken now; under READ COMMITTED each later statement sees at least as much. */
export async function visibleNow(db: Pool | Tx): Promise<(xid: string) => boolean> {
  const { rows } = await db.query<{ snapshot: string }>('select pg_current_snapshot()::text as snapshot');
  return visibleIn(rows[0]?.snapshot ?? '');
}

import type { Tx } from '../db/pool.ts';

export interface Seen {
  /** Can statements from now on see what this transaction (xid8, decimal) committed? */
  readonly visible: (xid: string) => boolean;
  /** Invariants of which anything is listed, or left alone. */
  readonly listed: ReadonlySet<string>;
}

/**
 * One small look ahead of all others. READ COMMITTED: each later statement sees at least as much.
 * The form of a snapshot is that of pg_snapshot: `xmin:xmax:xip,…` (PostgreSQL documentation, 9.27).
 */
export async function snapshotOf(tx: Tx): Promise<Seen> {
  const { rows } = await tx.query<{ snapshot: string; listed: string[] }>(
    `select pg_current_snapshot()::text as snapshot,
            array(select name from evenkeel.invariant i
                   where exists (select from evenkeel.violation v where v.invariant = i.name)
                      or exists (select from evenkeel.leave l where l.invariant = i.name)) as listed`,
  );
  const { snapshot = '', listed = [] } = rows[0] ?? {};
  return { visible: visibleIn(snapshot), listed: new Set(listed) };
}

/** @param snapshot as pg_snapshot prints it */
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

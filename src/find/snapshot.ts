import type { Tx } from '../db/pool.ts';
import { runningIn, visibleIn } from '../watch/visible.ts';

export interface Seen {
  /** Can statements from now on see what this transaction (xid8, decimal) committed? */
  readonly visible: (xid: string) => boolean;
  /** Invariants of which anything is listed, or left alone. */
  readonly listed: ReadonlySet<string>;
  /** The server's; ms. */
  readonly clock: number;
  /** So many transactions that write are in progress. */
  readonly running: number;
}

/**
 * One small look ahead of all others. READ COMMITTED: each later statement sees at least as much.
 */
export async function snapshotOf(tx: Tx): Promise<Seen> {
  const { rows } = await tx.query<{ snapshot: string; clock: string; listed: string[] }>(
    `select pg_current_snapshot()::text as snapshot, extract(epoch from clock_timestamp()) * 1000 as clock,
            array(select name from evenkeel.invariant i
                   where exists (select from evenkeel.violation v where v.invariant = i.name)
                      or exists (select from evenkeel.leave l where l.invariant = i.name)) as listed`,
  );
  const { snapshot = '', clock = '', listed = [] } = rows[0] ?? {};
  return {
    visible: visibleIn(snapshot),
    listed: new Set(listed),
    clock: Number(clock),
    running: runningIn(snapshot),
  };
}

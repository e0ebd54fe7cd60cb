import { type Tx, ask } from '../db/pool.ts';
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
  const [[snapshot, clock, listed] = []] = await ask(
    tx,
    `select pg_current_snapshot(), extract(epoch from clock_timestamp()) * 1000,
            to_json(array(select name from evenkeel.invariant i
                           where exists (select from evenkeel.violation v where v.invariant = i.name)
                              or exists (select from evenkeel.leave l where l.invariant = i.name)))`,
  );
  if (!snapshot) throw new Error('the server said nothing');
  return {
    visible: visibleIn(snapshot),
    listed: new Set(JSON.parse(listed ?? '[]') as string[]),
    clock: Number(clock),
    running: runningIn(snapshot),
  };
}

import type { Pool, Tx } from '../db/pool.ts';

export type AlertKind =
  'held' | 'parked' | 'oscillating' | 'overdue' | 'clone' | 'failed' | 'gap' | 'escaped';

/** Queues a message for `EVENKEEL_ALERT_URL`; it goes out only if the transaction commits. No row values in `text`. */
export async function raise(
  tx: Tx | Pool,
  kind: AlertKind,
  invariant: string | undefined,
  text: string,
): Promise<void> {
  await tx.query('insert into evenkeel.alert (kind, invariant, text) values ($1, $2, $3)', [
    kind,
    invariant ?? null,
    text,
  ]);
}

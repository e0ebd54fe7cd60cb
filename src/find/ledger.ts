import { type Tx, arrayText } from '../db/pool.ts';
import { query } from '../db/migrate.ts';
import type { Bound } from '../ask/bind.ts';
import { type Key, type Violation, keyId } from '../ask/ask.ts';

/**
 * The ledger of violations is the queue. `record` brings it in line with a look at `asked` keys: opens what is new,
 * clears what came right, notes what changed. Set-based; repeated or merged calls do no harm.
 * @returns how many were opened and cleared
 */
export async function record(
  tx: Tx,
  bound: Bound,
  asked: readonly Key[],
  found: ReadonlyMap<string, Violation>,
): Promise<{ opened: number; cleared: number }> {
  const violations = [...found.values()];
  const silent = asked.filter(key => !found.has(keyId(key)));
  const { rows } = await tx.query<{ opened: number; cleared: number }>(recordText, [
    bound.name,
    silent.map(arrayText),
    violations.map(({ key }) => arrayText(key)),
    violations.map(({ kind }) => kind),
    violations.map(({ evidence }) => JSON.stringify(evidence)),
    violations.map(({ wanted }) => JSON.stringify(wanted)),
    bound.invariant.graceMs,
  ]);
  const counts = rows[0] ?? { opened: 0, cleared: 0 };
  if (counts.opened + counts.cleared > 0) await pulse(tx, bound.name, counts);
  return counts;
}
const recordText = query('record');

/** Adds to the invariant's current minute: what guards, floods and sparklines count. */
export async function pulse(
  tx: Tx,
  invariant: string,
  add: { opened?: number; cleared?: number; healed?: number; written?: number },
): Promise<void> {
  await tx.query(
    `insert into evenkeel.pulse as p (invariant, minute, opened, cleared, healed, written)
     values ($1, date_trunc('minute', clock_timestamp()), $2, $3, $4, $5)
     on conflict (invariant, minute) do update set opened = p.opened + excluded.opened,
       cleared = p.cleared + excluded.cleared, healed = p.healed + excluded.healed, written = p.written + excluded.written`,
    [invariant, add.opened ?? 0, add.cleared ?? 0, add.healed ?? 0, add.written ?? 0],
  );
}

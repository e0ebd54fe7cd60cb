import { raise } from '../alerts/raise.ts';
import type { Tx } from '../db/pool.ts';
import { callOf, taskOf } from '../declare/remedy.ts';
import type { Bound } from '../ask/bind.ts';

/** Makes an invariant observe until a person says resume; once is enough. No claim is made after it commits. */
export async function hold(tx: Tx, name: string, why: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    'update evenkeel.invariant set held_at = clock_timestamp(), held_why = $2 where name = $1 and held_at is null',
    [name, why],
  );
  if (!rowCount) return false;
  await raise(tx, 'held', name, `${name} is held: ${why}`);
  return true;
}

/**
 * A flood means a wrong invariant or a bad deploy, not wrong data: more than max(20, 1 % of the table) rows that became
 * broken within ten minutes hold the invariant. The first look at everything counts like any other.
 */
export async function holdFlood(tx: Tx, bound: Bound): Promise<boolean> {
  // What goes to an upstream is paced by its limit, and checks such as "confirmed within a day" break many rows at once.
  const { guard, heal } = bound.invariant;
  if (guard === null || callOf(heal) || taskOf(heal)) return false;
  // What was read of another system lags behind the rows here: differences that it clears when asked were none.
  const { rows } = await tx.query<{ opened: number }>(
    `select coalesce(sum(opened - case when $2 then cleared else 0 end), 0)::int as opened from evenkeel.pulse
      where invariant = $1 and minute > clock_timestamp() - interval '10 minutes'`,
    [bound.name, bound.invariant.source !== undefined],
  );
  const opened = rows[0]?.opened ?? 0;
  const most = Math.max(20, Math.floor(bound.table.rows / 100));
  if (opened <= most) return false;
  return hold(
    tx,
    bound.name,
    `${opened} rows became broken within ten minutes, more than ${most} (1 % of the table)`,
  );
}

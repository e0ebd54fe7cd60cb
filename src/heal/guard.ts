import { type Tx, arrayText, ask } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import type { Key } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';

/**
 * The budget of an invariant: rows written in the last sixty minutes, the one in which they began included. Reserved under a lock until commit, because
 * workers that count and then heal would count the same budget twice.
 */
export async function budgetLeft(tx: Tx, bound: Bound): Promise<number> {
  const { guard } = bound.invariant;
  if (guard === null) return Number.POSITIVE_INFINITY;
  await tx.query('select pg_advisory_xact_lock(4529, hashtext($1))', [bound.name]);
  const rows = await ask(
    tx,
    `select coalesce(sum(written), 0) from evenkeel.pulse
      where invariant = $1 and minute > clock_timestamp() - interval '61 minutes'`,
    [bound.name],
  );
  return Math.max(0, guard - Number(rows[0]?.[0] ?? 0));
}

/**
 * May this process write for this definition now? Read under locks that `stop`, `hold` and a newer definition take
 * exclusively: once they return, no heal in flight commits any more.
 * @throws unknown-table where one of its tables isn't the one that was bound
 */
export async function mayWrite(tx: Tx, bound: Bound): Promise<boolean> {
  await tx.query('select pg_advisory_xact_lock_shared(4526, 0)');
  const { table, touches, appends, scope } = bound;
  const tables = [table, ...touches, ...appends.map(append => append.table), ...scope.reads];
  const rows = await ask(
    tx,
    `select b.pulled_at is null and i.hash = $2,
            (select name from unnest($3::text[], $4::oid[]) t(name, oid) where to_regclass(name) is distinct from oid limit 1)
       from evenkeel.brake b, evenkeel.invariant i
      where i.name = $1 and i.retired_at is null`,
    [bound.name, bound.hash, tables.map(({ quoted }) => quoted), tables.map(({ oid }) => oid)],
  );
  const [may, replaced] = rows[0] ?? [];
  if (may === 't' && replaced) {
    throw new EvenkeelError('unknown-table', `${replaced} was dropped or replaced`, {
      place: bound.invariant.place,
    });
  }
  return may === 't';
}

/**
 * Does it heal these keys by itself: declared so, not held, every row looked at once, and no person wants one of them
 * left alone?
 */
export async function healsItself(tx: Tx, bound: Bound, keys: readonly Key[]): Promise<boolean> {
  const rows = await ask(
    tx,
    `select from evenkeel.invariant i where name = $1 and hash = $2 and mode = 'heal' and held_at is null
        and proved_at is not null and retired_at is null
        and not exists (select from unnest($3::text[]) k join evenkeel.leave l
                          on l.invariant = i.name and l.key = k::text[])`,
    [bound.name, bound.hash, keys.map(arrayText)],
  );
  return rows.length > 0;
}

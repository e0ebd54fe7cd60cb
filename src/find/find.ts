import { type Pool, type Tx, isCollision, transaction } from '../db/pool.ts';
import { type Key, askKeys, keyId } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { holdFlood } from './flood.ts';
import { type Causes, record } from './ledger.ts';

export interface Found {
  readonly opened: readonly Key[];
  readonly cleared: number;
  /** Violated among the asked. */
  readonly violated: number;
}

/**
 * Suspects in, ledger out: asks the invariant again for exactly these keys, on the primary, and brings the ledger in
 * line. Ask and record share a transaction that ends by itself when this process is stopped, so no stale look is kept.
 * @param cause what broke those that are violated, as it is kept (JSON), where capture knows
 */
export async function find(
  pool: Pool,
  bound: Bound,
  keys: readonly Key[],
  limitMs: number,
  cause?: object,
): Promise<Found> {
  const total = { opened: [] as Key[], cleared: 0, violated: 0 };
  for (let i = 0; i < keys.length; i += batch) {
    const one = await findSome(pool, bound, keys.slice(i, i + batch), limitMs, cause);
    total.opened.push(...one.opened);
    total.cleared += one.cleared;
    total.violated += one.violated;
  }
  // Autovacuum would tell the planner in a minute; claims are made at once.
  if (total.opened.length >= batch) await pool.query('analyze evenkeel.violation');
  return total;
}
const batch = 1000;

async function findSome(
  pool: Pool,
  bound: Bound,
  keys: readonly Key[],
  limitMs: number,
  cause: object | undefined,
): Promise<Found> {
  try {
    const limits = { statement: limitMs, idle: 5_000, schemas: bound.schemas };
    return await transaction(pool, limits, tx =>
      look(tx, bound, keys, cause && (() => new Map(keys.map(key => [keyId(key), cause])))),
    );
  } catch (error) {
    // Too dear, or in a healer's way: halves get there.
    if (!isCollision(error) || keys.length === 1) throw error;
    const half = Math.ceil(keys.length / 2);
    const [a, b] = [
      await findSome(pool, bound, keys.slice(0, half), limitMs, cause),
      await findSome(pool, bound, keys.slice(half), limitMs, cause),
    ];
    return {
      opened: [...a.opened, ...b.opened],
      cleared: a.cleared + b.cleared,
      violated: a.violated + b.violated,
    };
  }
}

/**
 * @param causes asked for only where something was found
 * @param listed false: nothing of this invariant is listed, so a look that finds nothing has nothing to clear
 */
export async function look(
  tx: Tx,
  bound: Bound,
  keys: readonly Key[],
  causes?: () => Causes,
  listed = true,
): Promise<Found> {
  const found = await askKeys(tx, bound, keys);
  if (found.size === 0 && !listed) return { opened: [], cleared: 0, violated: 0 };
  const counts = await record(tx, bound, keys, found, found.size > 0 ? causes?.() : undefined);
  if (counts.opened.length > 0) await holdFlood(tx, bound);
  return { ...counts, violated: found.size };
}

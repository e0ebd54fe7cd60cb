import { type Pool, type Tx, arrayText } from '../db/pool.ts';
import { query } from '../db/migrate.ts';
import type { Bound } from '../ask/bind.ts';
import { type Key, type Violation, keyColumns, keyId } from '../ask/ask.ts';

/** What broke a violation: the last change that capture told before it was found. */
export interface Caused {
  readonly xid: string;
  /** When it was committed, ISO 8601; with triggers when it was written. */
  readonly at: string;
  readonly table: string;
  readonly operation: string;
  /** Known to triggers only. */
  readonly role?: string;
  readonly application?: string;
  /** So many earlier transactions changed it since it was right; any of them may be to blame. */
  readonly others?: number;
}

/** keyId → what broke it, as it is kept (JSON): capture's word, where it has one. */
export type Causes = ReadonlyMap<string, object>;

/**
 * The ledger of violations is the queue. `record` brings it in line with a look at `asked` keys: opens what is new,
 * clears what came right, notes what changed. Set-based; repeated or merged calls do no harm.
 * @returns the keys that were opened, and how many were cleared
 */
export async function record(
  tx: Tx,
  bound: Bound,
  asked: readonly Key[],
  found: ReadonlyMap<string, Violation>,
  causes: Causes = new Map(),
): Promise<{ opened: Key[]; cleared: number }> {
  const violations = [...found];
  const keys = [...asked, ...(await spelledOtherwise(tx, bound, asked))];
  const silent = keys.filter(key => !found.has(keyId(key)));
  const { rows } = await tx.query<{ opened: Key[]; cleared: number }>(recordText, [
    bound.name,
    silent.map(arrayText),
    violations.map(([, { key }]) => arrayText(key)),
    violations.map(([, { kind }]) => kind),
    violations.map(([, { evidence }]) => JSON.stringify(evidence)),
    violations.map(([, { wanted }]) => JSON.stringify(wanted)),
    bound.invariant.graceMs,
    violations.map(([id]) => (causes.has(id) ? JSON.stringify(causes.get(id)) : null)),
  ]);
  const { opened, cleared } = rows[0] ?? { opened: [], cleared: 0 };
  if (opened.length + cleared > 0) await pulse(tx, bound.name, { opened: opened.length, cleared });
  return { opened, cleared };
}
const recordText = query('record');

/**
 * Keys are asked by value and listed by text: where equal values print differently (1 and 1.0), what is listed under another
 * text than the one that was asked.
 */
async function spelledOtherwise(tx: Tx, bound: Bound, asked: readonly Key[]): Promise<readonly Key[]> {
  const { name, key } = bound;
  if (!key.some(({ family, base }) => several.has(family) || /(^|\.)citext$|\[\]$/.test(base))) return [];
  const { rows } = await tx.query<{ key: Key }>(
    `select distinct v.key from evenkeel.violation v
       join unnest(${key.map((_, i) => `$${i + 2}::text[]`).join(', ')}) a(${key.map((_, i) => `k${i}`).join(', ')})
         on ${key.map(({ base }, i) => `v.key[${i + 1}]::${base} = a.k${i}::${base}`).join(' and ')}
      where v.invariant = $1`,
    [name, ...keyColumns(key.length, asked)],
  );
  const known = new Set(asked.map(keyId));
  return rows.map(row => row.key).filter(one => !known.has(keyId(one)));
}
/** numeric, float4, float8, interval, jsonb, timetz. By oid. */
const several = new Set([1700, 700, 701, 1186, 3802, 1266]);

/** Adds to the invariant's current minute: what guards, floods and sparklines count. */
export async function pulse(
  tx: Tx | Pool,
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

import { raise } from '../alerts/raise.ts';
import { query } from '../db/migrate.ts';
import { type Pool, type Tx, ask, often } from '../db/pool.ts';
import { type Key, type Values, type Violation, keyId } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import type { Result } from './heal.ts';

/** A violation that this transaction holds. */
export interface Claimed {
  readonly id: string;
  readonly key: Key;
  readonly state: 'open' | 'approved';
  readonly attempts: number;
  /** As Postgres prints it, to the microsecond. */
  readonly openedAt: string;
  readonly dueAt: Date;
  /** The last try found its row in somebody else's hands. */
  readonly gaveWay: boolean;
  readonly decidedBy: string | null;
  /** What broke it, as the ledger has it (JSON); null: not known. */
  readonly cause: string | null;
  /** What the ledger saw; undefined where nothing depends on it: any look is believed. */
  readonly listed: Look | undefined;
}

/**
 * Which of these invariants have anything to claim: one cheap look, so that idle workers open no transactions.
 * `afters`: from where on to look, invariant by invariant, as in `claim`.
 */
export async function due(
  pool: Pool,
  names: readonly string[],
  afters: readonly (Date | undefined)[],
): Promise<Set<string>> {
  const rows = await often<{ name: string }>(
    pool,
    `select i.name from unnest($1::text[], $2::timestamptz[]) n(name, after) join evenkeel.invariant i using (name)
      where (
        exists (select from evenkeel.violation v where v.invariant = i.name and v.state = 'approved')
        or i.mode = 'heal' and i.held_at is null and i.proved_at is not null
           and exists (select from evenkeel.violation v
                 where v.invariant = i.name and v.state in ('open', 'approved') and v.due_at <= clock_timestamp()
                   and v.due_at > n.after))`,
    [names, afters.map(after => after ?? '-infinity')],
  );
  return new Set(rows.map(row => row.name));
}

/** In how many milliseconds the first of what is soon tried again is due: it gave way to somebody, or failed once; undefined: nothing is. */
export async function soonAgain(pool: Pool, names: readonly string[]): Promise<number | undefined> {
  const { rows } = await pool.query<{ ms: number | null }>(
    `select extract(epoch from min(due_at) - clock_timestamp())::float8 * 1000 as ms from evenkeel.violation
      where invariant = any($1) and state in ('open', 'approved') and due_at < clock_timestamp() + interval '2 seconds'
        and reason is not null`,
    [names],
  );
  const ms = rows[0]?.ms ?? undefined;
  return ms === undefined ? undefined : Math.max(0, ms) + 1;
}
export const busyReason = 'another transaction holds the row';

/**
 * Takes due violations that no other worker holds, oldest first: approved ones, and open ones where the invariant may
 * heal by itself (told by the same snapshot, so that a hold takes effect at once). `after`: nothing older is due.
 */
export async function claim(
  tx: Tx,
  bound: Bound,
  limit: number,
  after: Date | undefined,
): Promise<Claimed[]> {
  const rows = await ask(
    tx,
    `select ${claimedList(bound, '$4')}
       from evenkeel.violation v
      where v.invariant = $1 and v.state in ('open', 'approved') and v.due_at <= clock_timestamp() and v.due_at > $3
        and (v.state = 'approved' or exists (select from evenkeel.invariant i
               where i.name = $1 and i.mode = 'heal' and i.held_at is null and i.proved_at is not null))
      order by v.due_at limit $2 for update of v skip locked`,
    [bound.name, limit, after ?? '-infinity', bound.invariant.graceMs],
  );
  return rows.map(row => claimedOf(bound, row));
}

/**
 * The columns of `evenkeel.violation v` that `claimedOf` reads. With `grace: 0s` writers are atomic, so any look is believed, and
 * what the ledger saw stays there. So it is with what a person approved, and with what has lasted ten graces without holding
 * still. `grace`: the parameter that holds it, in ms.
 */
export const claimedList = ({ key, invariant }: Bound, grace: string): string =>
  `v.id, case when v.decided_by is null then 'open' else 'approved' end, v.attempts, v.opened_at,
   extract(epoch from v.due_at) * 1000, coalesce(v.reason = '${busyReason}', false), v.decided_by, v.cause::text,
   v.decided_by is not null or clock_timestamp() > v.opened_at + 10 * make_interval(secs => ${grace}::float8 / 1000),
   ${[...key.map((_, i) => `v.key[${i + 1}]`), ...(invariant.graceMs === 0 ? [] : ['v.kind', 'v.evidence::text', 'v.wanted::text'])].join(', ')}`;

export function claimedOf({ key, invariant }: Bound, row: readonly (string | null)[]): Claimed {
  const k = 9 + key.length;
  return {
    id: row[0] as string,
    key: row.slice(9, k),
    state: row[1] as Claimed['state'],
    attempts: Number(row[2]),
    openedAt: row[3] as string,
    dueAt: new Date(Number(row[4])),
    gaveWay: row[5] === 't',
    decidedBy: row[6] as string | null,
    cause: row[7] as string | null,
    listed:
      invariant.graceMs === 0 || row[8] === 't'
        ? undefined
        : {
            kind: row[k] as Violation['kind'],
            evidence: JSON.parse(row[k + 1] as string) as Values,
            wanted: JSON.parse(row[k + 2] as string) as Values,
          },
  };
}

/** Has it lasted, unchanged, since the ledger saw it? */
export function isBelieved({ listed }: Claimed, now: Violation): boolean {
  return !listed || looksLike(listed, now);
}

type Look = Pick<Violation, 'kind' | 'evidence' | 'wanted'>;
const looksLike = (then: Look, now: Look): boolean =>
  then.kind === now.kind && same(then.evidence, now.evidence) && same(then.wanted, now.wanted);

const same = (a: Values, b: Values): boolean => {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every(name => a[name] === b[name]);
};

/** A heal that failed is tried again after about 1, 4, 16 and 64 seconds, then a person decides. */
const mostAttempts = 5;
const backoffMs = (attempts: number): number => 1000 * 4 ** (attempts - 1) * (0.75 + Math.random() / 2);

/** A row that is written all the time is soon waited for; one that somebody holds for long isn't asked for all the time. */
const busyMs = ({ gaveWay }: Claimed): number =>
  gaveWay ? 250 + Math.random() * 750 : 20 + Math.random() * 30;

export type Settled =
  | Result
  | { readonly did: 'failed'; readonly why: string; readonly known: boolean }
  /** It was nobody's turn: no attempt was made. */
  | { readonly did: 'waits'; readonly why: string; readonly ms: number };

/** Brings the ledger in line with what became of the claimed. */
export async function settle(
  tx: Tx,
  bound: Bound,
  claimed: readonly Claimed[],
  results: Map<string, Settled>,
): Promise<void> {
  const parked = new Map<string, number>();
  const rows = claimed.map(one => {
    const result = results.get(keyId(one.key)) ?? { did: 'busy' as const };
    const row = toRow(bound, one, result);
    if (row.to === 'parked') parked.set(row.reason ?? '', (parked.get(row.reason ?? '') ?? 0) + 1);
    return { id: one.id, ...row };
  });
  const gone = rows.filter(({ to }) => to === 'gone').map(({ id }) => id);
  if (gone.length > 0)
    await tx.query('delete from evenkeel.violation where id = any($1::bigint[])', [`{${gone.join(',')}}`]);
  const staying = rows.filter(({ to }) => to !== 'gone');
  if (staying.length > 0) await tx.query(settleText, [JSON.stringify(staying), staying.map(({ id }) => id)]);
  for (const [why, n] of parked) {
    const kind = /undo each other|healed \d+ times/.test(why) ? 'oscillating' : 'parked';
    await raise(tx, kind, bound.name, `${bound.name}: ${n} parked: ${why}`);
  }
}
const settleText = query('settle');

interface Row {
  to: string;
  dueMs?: number;
  attempts?: number;
  reason?: string;
  kind?: string;
  evidence?: Values;
  wanted?: Values;
}

function toRow(bound: Bound, one: Claimed, result: Settled): Row {
  switch (result.did) {
    case 'healed':
    case 'cleared':
      return { to: 'gone' };
    case 'busy':
      return { to: one.state, dueMs: busyMs(one), reason: busyReason };
    case 'changed': {
      const { kind, evidence, wanted } = result.violation;
      const { graceMs } = bound.invariant;
      const look = { to: one.state, kind, evidence, wanted };
      // A row that never rests isn't asked about all the time.
      return result.why === undefined
        ? { ...look, dueMs: graceMs }
        : { ...look, dueMs: Math.max(graceMs, 1_000), reason: result.why };
    }
    case 'waits':
      return { to: one.state, dueMs: result.ms, reason: result.why };
    case 'shown':
      return { to: 'open', reason: 'no remedy is listed for this case' };
    case 'parked':
      return { to: 'parked', reason: result.why };
    case 'failed': {
      const attempts = one.attempts + 1;
      const breaks = result.why.startsWith('it would break ') && attempts > 1;
      if (result.known || breaks || attempts >= mostAttempts)
        return { to: 'parked', attempts, reason: result.why };
      return { to: one.state, dueMs: backoffMs(attempts), attempts, reason: result.why };
    }
  }
}

import { createHash } from 'node:crypto';
import { type Pool, type Tx, ask, transaction } from '../db/pool.ts';
import { type Violation, askKeys, keyId } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { hold } from '../find/flood.ts';
import { pulse } from '../find/ledger.ts';
import { type Claimed, type Settled, claimedOf, claimedList, isBelieved, settle } from '../heal/claim.ts';
import { budgetLeft, mayWrite } from '../heal/guard.ts';
import { versionsOf } from '../heal/rows.ts';
import type { Ward } from '../heal/batch.ts';

/** How long a violation is this process's without a word; it says so again every third of that. */
export const leaseSeconds = 30;
/** A violation that this process asks an upstream about, as it was when the request was made. */
export interface Leased {
  readonly claimed: Claimed;
  readonly violation: Violation;
  /** Of the governed row (`xmin`); undefined: there is none. */
  readonly version: string | undefined;
  /** Microseconds since 1970. */
  readonly opened: string;
  /** Counts leases: whoever has an older one has lost it. */
  readonly claims: number;
}

/** Which of these have anything to ask about: one cheap look. */
export async function dueCalls(pool: Pool, names: readonly string[]): Promise<Set<string>> {
  const { rows } = await pool.query<{ name: string }>(
    `select i.name from evenkeel.invariant i
      where i.name = any($1) and (
        exists (select from evenkeel.violation v where v.invariant = i.name and v.state = 'approved' and v.due_at <= clock_timestamp())
        or exists (select from evenkeel.violation v where v.invariant = i.name and v.state = 'claimed' and v.due_at <= clock_timestamp())
        or i.mode = 'heal' and i.held_at is null and i.proved_at is not null
           and exists (select from evenkeel.violation v
                        where v.invariant = i.name and v.state in ('open', 'approved') and v.due_at <= clock_timestamp()))`,
    [names],
  );
  return new Set(rows.map(({ name }) => name));
}

/** Who takes violations, and for how long. */
export interface Leasing {
  readonly holder: string;
  readonly most: number;
  readonly seconds: number;
  /** What is taken counts for the guard at once; else only what is written. */
  readonly counts: boolean;
  /** What was taken so often before, and never given back, is parked: `tooOften` says why. */
  readonly often: number;
  readonly tooOften: string;
}

/**
 * Takes due violations, and looks again: only what is still so, and as the ledger believes it, is worth a request. One transaction,
 * which is over before anybody is asked.
 */
export async function lease(ward: Ward, bound: Bound, leasing: Leasing): Promise<Leased[]> {
  const { holder, most, seconds, counts, often, tooOften } = leasing;
  const limits = { statement: ward.lockedMs, lock: 200, idle: ward.lockedMs, schemas: bound.schemas };
  return transaction(ward.pool, limits, async tx => {
    if (!(await mayWrite(tx, bound))) return [];
    const left = await budgetLeft(tx, bound);
    if (left <= 0) {
      await hold(tx, bound.name, `its guard of ${bound.invariant.guard}/hour is used up`);
      return [];
    }
    await tx.query('select evenkeel.lapse($1)', [bound.name]);
    const room = left - (counts ? 0 : await underWay(tx, bound));
    const values = [bound.name, Math.min(most, room), bound.invariant.graceMs, holder, seconds];
    const rows = await ask(tx, leaseText(bound), values);
    if (rows.length === 0) return [];
    const claimed = rows.map(row => claimedOf(bound, row.slice(2)));
    const keys = claimed.map(({ key }) => key);
    // First the rows, then what is said of them: a change between the two makes the versions differ.
    const versions = await versionsOf(tx, bound.table, bound.key, keys);
    const seen = await askKeys(tx, bound, keys);
    const results = new Map<string, Settled>();
    const leased: Leased[] = [];
    for (const [i, one] of claimed.entries()) {
      const id = keyId(one.key);
      const violation = seen.get(id);
      const [claims = '0', opened = '0'] = rows[i] as string[];
      if (!violation) results.set(id, { did: 'cleared' });
      else if (!isBelieved(one, violation)) results.set(id, { did: 'changed', violation });
      else if (Number(claims) > often) results.set(id, { did: 'parked', why: tooOften, violation });
      else
        leased.push({ claimed: one, violation, version: versions.get(id), opened, claims: Number(claims) });
    }
    const over = claimed.filter(({ key }) => results.has(keyId(key)));
    if (over.length > 0) {
      await settle(tx, bound, over, results);
      const cleared = [...results.values()].filter(({ did }) => did === 'cleared').length;
      await pulse(tx, bound.name, { cleared });
    }
    if (counts) await pulse(tx, bound.name, { written: leased.length });
    return leased;
  });
}

const leaseText = (bound: Bound): string => `
  update evenkeel.violation v
     set state = 'claimed', claimed_by = $4, claims = v.claims + 1, reported_at = null,
         due_at = clock_timestamp() + make_interval(secs => $5)
   where v.id in (
     select o.id from evenkeel.violation o join evenkeel.invariant i on i.name = o.invariant
      where o.invariant = $1 and o.state in ('open', 'approved') and o.due_at <= clock_timestamp()
        and (o.decided_by is not null or i.mode = 'heal' and i.held_at is null and i.proved_at is not null)
      order by o.due_at limit greatest(0, $2) for update of o skip locked)
  returning v.claims, (extract(epoch from v.opened_at) * 1000000)::bigint, ${claimedList(bound, '$3')}`;

/** What is asked about now, by any process: it may be written, too. */
async function underWay(tx: Tx, { name, invariant }: Bound): Promise<number> {
  if (invariant.guard === null) return 0;
  const rows = await ask(
    tx,
    `select count(*) from evenkeel.violation where invariant = $1 and state = 'claimed' and due_at > clock_timestamp()`,
    [name],
  );
  return Number(rows[0]?.[0]);
}

/** Those that are still this process's, locked until the transaction ends. */
export async function stillOurs(tx: Tx, holder: string, leased: readonly Leased[]): Promise<Leased[]> {
  const rows = await ask(
    tx,
    `select v.id from evenkeel.violation v join unnest($1::bigint[], $2::int[]) l(id, claims) on l.id = v.id and l.claims = v.claims
      where v.state = 'claimed' and v.claimed_by = $3 order by v.id for update of v`,
    [leased.map(({ claimed }) => claimed.id), leased.map(({ claims }) => claims), holder],
  );
  const ours = new Set(rows.map(([id]) => id));
  return leased.filter(({ claimed }) => ours.has(claimed.id));
}

/** Puts back what is still this holder's: anybody's in `ms`, counted as taken so often. What a person approved stays approved. */
export async function giveBack(
  pool: Pool,
  { name }: Bound,
  holder: string,
  back: readonly { id: string; why: string; ms: number; claims: number }[],
): Promise<void> {
  if (back.length === 0) return;
  await pool.query(
    `update evenkeel.violation v
        set state = case when v.decided_by is null then 'open' else 'approved' end, claimed_by = null, claims = b.claims,
            reason = b.why, due_at = clock_timestamp() + make_interval(secs => b.ms / 1000)
       from jsonb_to_recordset($2::jsonb) b(id bigint, why text, ms float8, claims int)
      where v.invariant = $1 and v.id = b.id and v.state = 'claimed' and v.claimed_by = $3`,
    [name, JSON.stringify(back), holder],
  );
}

/** Tells that these are still worked on. */
export async function renew(pool: Pool, holder: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await pool.query(
    `update evenkeel.violation set due_at = clock_timestamp() + make_interval(secs => $3)
      where id = any($1::bigint[]) and state = 'claimed' and claimed_by = $2`,
    [ids, holder, leaseSeconds],
  );
}

/** The same for the same violations, whichever process asks, and however often: an upstream that knows it does nothing twice. */
export function idempotencyKey(bound: Bound, leased: readonly Leased[]): string {
  const subjects = leased
    .map(({ claimed, opened }) => JSON.stringify([bound.name, claimed.key, opened]))
    .sort();
  return createHash('sha256').update(subjects.join('\n')).digest('hex');
}

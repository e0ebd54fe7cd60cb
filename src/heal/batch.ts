import { type Pool, type Tx, describe, isCollision, isDown, sqlState, transaction } from '../db/pool.ts';
import type { Config } from '../config.ts';
import { isOwn } from '../declare/remedy.ts';
import { EvenkeelError } from '../errors.ts';
import type { Bindings } from '../roster/bindings.ts';
import { type Key, keyId } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { hold } from '../find/flood.ts';
import { pulse } from '../find/ledger.ts';
import { explain } from '../ask/mistake.ts';
import type { Draft } from '../journal/record.ts';
import { type Claimed, type Settled, busyReason, claim, isBelieved, settle } from './claim.ts';
import { budgetLeft, mayWrite } from './guard.ts';
import { Busy, Fault, Slow } from './fault.ts';
import { heal } from './heal.ts';
import { type Healing, type Order, rowsOf } from './task.ts';
import { oscillating } from './oscillation.ts';

/** What healers share. */
export interface Ward {
  readonly pool: Pool;
  readonly all: () => readonly Bound[];
  /** Appends entries; they commit with what they tell of. */
  readonly journal: (tx: Tx, entries: readonly Draft[]) => Promise<void>;
  /** Heals of one subject an hour before it is parked. */
  readonly repeats: number;
  /** How long rows may stay locked by us in all: bound on a transaction, on each of its statements, and on idling. */
  readonly lockedMs: number;
}

export const wardOf = (pool: Pool, bindings: Bindings, config: Config, journal: Ward['journal']): Ward => ({
  pool,
  // What others heal (an upstream, a program, a worker) is work for them, and no reason against a heal. And what another system said
  // was true when it was read: it is asked again before anything is written.
  all: () => bindings.all.filter(({ invariant }) => isOwn(invariant)),
  journal,
  repeats: config.repeats,
  lockedMs: Math.min(1_000, config.statementTimeoutMs),
});

export interface Outcome {
  readonly claimed: number;
  readonly healed: number;
  readonly written: number;
  /** The database was in somebody else's hands: try fewer at once. */
  readonly collided: boolean;
  /** Nothing that was due earlier is left, but for what others hold. */
  readonly upTo?: Date;
}

const nothing: Outcome = { claimed: 0, healed: 0, written: 0, collided: false };

/** Takes due violations and heals them, in one transaction. */
export async function healBatch(
  ward: Ward,
  bound: Bound,
  limit: number,
  after: Date | undefined,
): Promise<Outcome> {
  return healTaken(ward, bound, {
    most: limit,
    take: async tx => patiently(await claim(tx, bound, limit, after)),
    stuck: error => postpone(ward, bound, error),
  });
}

/**
 * Where all that is due gave way before, the oldest is healed alone, and its row is waited for: a row that is written all the time
 * is hardly ever found free. Nothing else is held meanwhile, so nobody can wait for us in turn. Many of them are somebody's
 * long transaction, that waiting doesn't end.
 */
function patiently(claimed: readonly Claimed[]): Taken {
  const patient = claimed.length <= fewBusy && claimed.every(({ gaveWay }) => gaveWay);
  return { claimed: patient ? claimed.slice(0, 1) : claimed, patient };
}
const fewBusy = 10;

/** How violations come to a heal transaction. */
export interface Taking {
  readonly most: number;
  readonly take: (tx: Tx) => Promise<Taken>;
  /** One alone collided with the application. */
  readonly stuck?: (error: unknown) => Promise<void>;
}

export interface Taken {
  readonly claimed: readonly Claimed[];
  /** It is one, and its row is waited for. */
  readonly patient?: boolean;
  /** What is known of some of them already, by keyId. */
  readonly known?: ReadonlyMap<string, Settled>;
  /** Those that are to be healed together, where not all are, and how. */
  readonly parts?: readonly Part[];
}

/** Violations that are healed by the same remedy. */
export interface Part {
  /** The invariant, with the remedy that goes for these. */
  readonly bound: Bound;
  readonly claimed: readonly Claimed[];
  readonly answered?: Order['answered'];
}

/**
 * One transaction: brakes → claim → guard → heal, without those that can't be healed → journal → settle the ledger.
 * Exactly-once by being one transaction with the claim and the journal: whatever dies, all of it happened or none.
 */
export async function healTaken(ward: Ward, bound: Bound, { most, take, stuck }: Taking): Promise<Outcome> {
  const limits = { statement: ward.lockedMs, lock: 200, idle: ward.lockedMs, schemas: bound.schemas };
  const until = performance.now() + ward.lockedMs;
  let alone = most === 1;
  try {
    return await transaction(ward.pool, limits, async tx => {
      if (!(await mayWrite(tx, bound))) return nothing;
      const taken = await take(tx);
      if (taken.claimed.length === 0) return nothing;
      alone ||= taken.patient === true;
      return work(tx, ward, bound, taken, until);
    });
  } catch (error) {
    if (error instanceof OverGuard) {
      if (most > 1 && error.batch > 1) return { ...nothing, claimed: most, collided: true };
      await transaction(ward.pool, { ...limits, lock: 5_000 }, tx => hold(tx, bound.name, error.message));
      return nothing;
    }
    if (!isCollision(error) && !(error instanceof Busy)) throw error;
    if (alone) await stuck?.(error);
    return { ...nothing, claimed: most, collided: true };
  }
}

async function work(
  tx: Tx,
  ward: Ward,
  bound: Bound,
  { claimed, patient = false, known, parts: given }: Taken,
  until: number,
): Promise<Outcome> {
  const left = await budgetLeft(tx, bound);
  const results = new Map<string, Settled>(known);
  if (left <= 0 && results.size < claimed.length) throw new OverGuard(usedUp(bound), 1);
  const keys = claimed.map(({ key }) => key);
  const restless = await oscillating(tx, bound, keys, ward.repeats);
  for (const [id, why] of restless)
    if (!results.has(id)) results.set(id, { did: 'failed', why, known: true });

  const outside: Healing['outside'] = read =>
    transaction(ward.pool, { readOnly: true, statement: ward.lockedMs, schemas: bound.schemas }, read);
  const hurry = async () => {
    const ms = until - performance.now();
    if (ms <= 0) throw new Slow(`its rows would stay locked for longer than ${ward.lockedMs} ms`);
    // The usual heal is over long before, and pays for no further statement.
    if (ms < ward.lockedMs / 2) await tx.query(`set local statement_timeout = ${Math.ceil(ms)}`);
  };
  const healing: Healing = { tx, all: ward.all(), outside, patient, hurry, entries: [] };
  const able = claimed.filter(
    one => !known?.has(keyId(one.key)) && (one.state === 'approved' || !restless.has(keyId(one.key))),
  );
  for (const { key } of able.splice(left))
    results.set(keyId(key), { did: 'waits', why: usedUp(bound), ms: 500 });
  for (const part of partsOf(bound, able, given)) await without(healing, part, results);

  const written = rowsOf(healing.entries, bound.name);
  if (written > left) {
    throw new OverGuard(
      `a heal would write ${written} rows, more than is left of ${bound.invariant.guard}/hour`,
      able.length,
    );
  }
  await hurry();
  await ward.journal(tx, healing.entries);
  await settle(tx, bound, claimed, results);
  const healed = [...results.values()].filter(({ did }) => did === 'healed').length;
  const cleared = [...results.values()].filter(({ did }) => did === 'cleared').length;
  await pulse(tx, bound.name, { healed, cleared, written });
  for (const name of new Set(healing.entries.map(({ invariant }) => invariant))) {
    if (name !== bound.name) await pulse(tx, name, { written: rowsOf(healing.entries, name) });
  }
  return {
    claimed: claimed.length,
    healed,
    written,
    collided: false,
    upTo: (claimed.at(-1) as Claimed).dueAt,
  };
}

const usedUp = ({ invariant }: Bound): string => `its guard of ${invariant.guard}/hour is used up`;

/** Where triggers or cascades write too, one by one: else nobody could tell whose effect a row is. */
function partsOf(bound: Bound, able: readonly Claimed[], given: readonly Part[] | undefined): Part[] {
  const may = new Set(able);
  const parts = (given ?? [{ bound, claimed: able }]).map(part => ({
    ...part,
    claimed: part.claimed.filter(one => may.has(one)),
  }));
  if (bound.touches.length === 0) return parts;
  return parts.flatMap(part => part.claimed.map(one => ({ ...part, claimed: [one] })));
}

/** Heals a batch; a fault costs only the subjects that it names, or else is found by halving. */
async function without(healing: Healing, part: Part, results: Map<string, Settled>): Promise<void> {
  const { bound, claimed: batch, answered } = part;
  if (batch.length === 0) return;
  const { tx } = healing;
  const entries = healing.entries.length;
  await tx.query('savepoint attempt');
  try {
    const byId = new Map(batch.map(one => [keyId(one.key), one]));
    const of = (key: Key) => byId.get(keyId(key)) as Claimed;
    const done = await heal(healing, {
      bound,
      keys: batch.map(({ key }) => key),
      believed: violation => isBelieved(of(violation.key), violation),
      decidedBy: key => of(key).decidedBy ?? 'evenkeel',
      openedAt: key => of(key).openedAt,
      cause: key => of(key).cause,
      insist: batch.some(({ attempts }) => attempts > 0),
      ...(answered && { answered }),
      depth: 0,
    });
    for (const [id, result] of done) results.set(id, result);
    return;
  } catch (error) {
    if (isDown(error) || isCollision(error) || error instanceof Busy) throw error;
    if (!(error instanceof Fault) && sqlState(error) === undefined) throw error;
    // Nothing can be asked or written, whichever the row.
    if (error instanceof EvenkeelError && error.code !== 'query-failed') throw error;
    if (sqlState(error)?.startsWith('42')) throw explain(error, bound.invariant, rightsFor(bound));
    await tx.query('rollback to savepoint attempt');
    healing.entries.length = entries;
    const named = error instanceof Fault && error.keys ? new Set(error.keys.map(keyId)) : undefined;
    const blamed = batch.filter(({ key }) => !named || named.has(keyId(key)));
    if (batch.length === 1 || (named && blamed.length < batch.length)) {
      const known = error instanceof Fault && error.known;
      for (const { key } of blamed) results.set(keyId(key), { did: 'failed', why: describe(error), known });
      if (batch.length === 1) return;
      const others = batch.filter(one => !blamed.includes(one));
      return without(healing, { ...part, claimed: others }, results);
    }
    const half = Math.ceil(batch.length / 2);
    await without(healing, { ...part, claimed: batch.slice(0, half) }, results);
    await without(healing, { ...part, claimed: batch.slice(half) }, results);
  }
}

/** What it takes to lock the governed rows and to write the remedies. */
function rightsFor({ invariant }: Bound): string {
  const does = (...verbs: string[]) => invariant.heal.some(remedy => verbs.includes(remedy.do));
  const rights = ['SELECT', 'UPDATE'];
  if (does('insert', 'append')) rights.push('INSERT');
  if (does('remove')) rights.push('DELETE');
  return rights.join(', ');
}

/** One violation alone collided: it waits a second, so that the others get their turn. One that is too slow failed. */
async function postpone(ward: Ward, bound: Bound, error: unknown): Promise<void> {
  const limits = { statement: ward.lockedMs, schemas: bound.schemas };
  await transaction(ward.pool, limits, async tx => {
    const [one] = await claim(tx, bound, 1, undefined);
    if (one && (error instanceof Slow || sqlState(error) === '57014')) {
      const failed = { did: 'failed' as const, why: describe(error), known: false };
      await settle(tx, bound, [one], new Map([[keyId(one.key), failed]]));
    } else if (one) {
      await tx.query(
        `update evenkeel.violation set due_at = clock_timestamp() + interval '1 second' * (0.5 + random()), reason = $2
          where id = $1`,
        [one.id, sqlState(error) === '55P03' ? busyReason : `it gave way: ${describe(error)}`],
      );
    }
  });
}

/** The whole transaction is given up, so that nothing of it counts. */
class OverGuard extends Error {
  readonly batch: number;
  constructor(message: string, batch: number) {
    super(message);
    this.batch = batch;
  }
}

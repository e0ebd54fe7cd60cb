import type { Column } from '../catalog/relation.ts';
import type { Tx } from '../db/pool.ts';
import { type Key, type Violation, askKeys, keyId } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { apply, verify } from './apply.ts';
import {
  type Hit,
  type Touched,
  askTouched,
  lockTouched,
  newly,
  outwait,
  pathColumns,
  touchedBy,
} from './crosscheck.ts';
import { Busy, Fault } from './fault.ts';
import { budgetLeft, healsItself } from './guard.ts';
import { planFor } from './plan.ts';
import { lockRows, versionsOf } from './rows.ts';
import { type Healing, type Order, type Task, rowsOf } from './task.ts';

/** What became of one violation. */
export type Result =
  | { readonly did: 'healed' }
  | { readonly did: 'cleared' }
  | { readonly did: 'busy' }
  | { readonly did: 'shown'; readonly violation: Violation }
  | { readonly did: 'parked'; readonly why: string; readonly violation: Violation }
  | { readonly did: 'changed'; readonly violation: Violation; readonly why?: string };

/** How far heals may set each other off. */
const deepest = 3;

/**
 * The heal of a batch, inside a transaction that somebody else opened: lock → look again → write → let deferred
 * constraints and triggers run → read what came of it → verify → cross-check → hand the entries to the journal.
 * It throws a Fault for subjects that can't be healed; whoever called rolls back to a savepoint and goes on without them.
 *
 * READ COMMITTED throughout: each statement sees what was committed before it began. The look begins after the locks are
 * held, so it can't compute from a child row that it has not seen; REPEATABLE READ and even SERIALIZABLE would.
 */
export async function heal(healing: Healing, order: Order): Promise<Map<string, Result>> {
  const { tx } = healing;
  const { bound, keys } = order;
  const results = new Map<string, Result>();
  const imaged = imageColumns(healing, bound);
  const locked = await lockRows(tx, bound.table, bound.key, imaged, bound.invariant.on.where, keys, {
    strong: order.insist === true || isStrong(bound),
    waits: healing.patient && order.depth === 0,
  });
  const seen = await askKeys(tx, bound, keys);
  const rewritten = order.answered && (await rewrittenSince(tx, bound, keys, order.answered.versions));

  const work: Task[] = [];
  for (const key of keys) {
    const id = keyId(key);
    const violation = seen.get(id);
    const plan = violation && planFor(bound, violation);
    if (!violation || !plan) results.set(id, { did: 'cleared' });
    else if (plan.do === 'show') results.set(id, { did: 'shown', violation });
    // Parking writes nothing, so nobody's lock is in its way.
    else if (plan.do === 'write' && violation.present && !locked.has(id)) results.set(id, { did: 'busy' });
    else if (rewritten?.has(id))
      results.set(id, { did: 'changed', violation, why: 'the row changed since it was asked' });
    else if (order.believed && !order.believed(violation)) results.set(id, { did: 'changed', violation });
    else if (plan.do === 'park') results.set(id, { did: 'parked', why: plan.why, violation });
    else {
      const wanted = order.answered?.wanted(key);
      work.push({ violation: wanted ? { ...violation, wanted } : violation, writes: plan.writes });
    }
  }
  if (work.length === 0) return results;
  // Mostly all of them: then it is the same list, whose parameters are made once.
  const ownKeys = work.length === keys.length ? keys : work.map(({ violation }) => violation.key);

  await healing.hurry();
  const entriesBefore = healing.entries.length;
  const changes = await apply(healing, order, work, ownKeys, locked, imaged);
  await healing.hurry();
  const scope = await touchedBy(tx, healing.all, changes, { name: bound.name, keys: ownKeys });
  await lockTouched(tx, scope.touched);
  if (scope.touched.some(({ verified }) => verified.length > 0)) await verify(tx, bound, ownKeys);
  const hits = await askTouched(tx, scope.touched);
  await healing.hurry();
  if (hits.length > 0) {
    // Was it broken before? Another connection still sees the world without this heal. Rare: its price is paid here only.
    const doubtful = scope.touched.filter(({ bound: one }) => hits.some(hit => hit.bound === one));
    await outwait(tx, hits);
    const now = await askTouched(tx, doubtful);
    const before = await healing.outside(other => askTouched(other, doubtful));
    await healBroken(healing, order, ownKeys, newly(now, before), before, doubtful);
  }
  for (const entry of healing.entries.slice(entriesBefore)) entry.unchecked ??= scope.unchecked;
  for (const key of ownKeys) results.set(keyId(key), { did: 'healed' });
  return results;
}

/**
 * What this heal newly broke is healed with it, in the order of names, or it isn't done at all. Which of many subjects
 * is to blame is found by halving; the keys of a fault further down are not ours.
 */
async function healBroken(
  healing: Healing,
  order: Order,
  keys: readonly Key[],
  broken: readonly Hit[],
  before: readonly Hit[],
  touched: readonly Touched[],
): Promise<void> {
  const { bound } = order;
  for (const { bound: other, violations } of broken) {
    const others = violations.map(({ key }) => key);
    const canHeal =
      other.name !== bound.name &&
      violations.every(one => planFor(other, one).do === 'write') &&
      (await healsItself(healing.tx, other, others));
    if (!canHeal) throw new Fault(`it would break ${other.name}`, undefined);
    if (order.because === other.name) {
      throw new Fault(`${bound.name} and ${other.name} undo each other`, undefined, true);
    }
    if (order.depth >= deepest) {
      throw new Fault(`it would break ${other.name}, too far down a chain of heals`, undefined, true);
    }
    const left = await budgetLeft(healing.tx, other);
    const results = await heal(healing, {
      bound: other,
      keys: others,
      because: bound.name,
      decidedBy: () => 'evenkeel',
      openedAt: () => null,
      cause: () => null,
      depth: order.depth + 1,
    }).catch(error => {
      if (!(error instanceof Fault)) throw error;
      const undoing = error.message.includes('undo each other');
      const message = undoing ? error.message : `it would break ${other.name}: ${error.message}`;
      throw new Fault(message, undefined, error.known);
    });
    if (rowsOf(healing.entries, other.name) > left) {
      throw new Fault(`it would break ${other.name}, whose guard is used up`, undefined);
    }
    for (const { did } of results.values()) {
      if (did === 'busy') throw new Busy(`a row of ${other.name} is locked`);
      if (did !== 'healed' && did !== 'cleared') throw new Fault(`it would break ${other.name}`, undefined);
    }
  }
  if (broken.length === 0) return;
  const still = [...(await askKeys(healing.tx, bound, keys)).values()]
    .filter(violation => planFor(bound, violation).do === 'write')
    .map(({ key }) => key);
  if (still.length > 0) {
    const names = broken.map(hit => hit.bound.name).join(', ');
    throw new Fault(`${bound.name} and ${names} undo each other`, still, true);
  }
  const [again] = newly(await askTouched(healing.tx, touched), before);
  if (again) throw new Fault(`it would break ${again.bound.name}`, undefined);
}

/** Keys whose row isn't the one that it was. An older answer must never overwrite what somebody wrote meanwhile. */
async function rewrittenSince(
  tx: Tx,
  { table, key }: Bound,
  keys: readonly Key[],
  versions: ReadonlyMap<string, string>,
): Promise<Set<string>> {
  const now = await versionsOf(tx, table, key, keys);
  return new Set(keys.map(keyId).filter(id => now.get(id) !== versions.get(id)));
}

/** A row that is inserted or removed is journaled whole; else what is written and what paths start from. */
function imageColumns(healing: Healing, bound: Bound): Column[] {
  const { table, key, sets, invariant } = bound;
  const others = table.columns.filter(column => !key.includes(column));
  const wholly = invariant.heal.some(remedy => remedy.do === 'insert' || remedy.do === 'remove');
  if (wholly) return others;
  const needed = pathColumns(healing.all, table);
  for (const link of table.children) for (const name of link.parentColumns) needed.add(name);
  for (const name of table.references) needed.add(name);
  return others.filter(column => sets.includes(column) || needed.has(column.name));
}

/** Deletes, and changes of a column that a foreign key may point to, need the stronger lock. */
function isStrong(bound: Bound): boolean {
  const unique = new Set(bound.table.indexes.filter(index => index.isUnique).flatMap(index => index.columns));
  return (
    bound.invariant.heal.some(remedy => remedy.do === 'remove') ||
    bound.sets.some(({ name }) => unique.has(name))
  );
}

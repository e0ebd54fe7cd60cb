import type { Column } from '../catalog/relation.ts';
import type { Tx } from '../db/pool.ts';
import { type Key, type Values, type Violation, askKeys, keyId } from '../find/ask.ts';
import type { Bound } from '../find/bind.ts';
import type { Draft } from '../journal/record.ts';
import {
  type Change,
  type Hit,
  type Touched,
  askTouched,
  lockTouched,
  newly,
  pathColumns,
  touchedBy,
} from './crosscheck.ts';
import {
  type Effect,
  type Related,
  difference,
  effectsBetween,
  readRelated,
  rereadRelated,
  tableNames,
  writtenSoFar,
} from './effects.ts';
import { healsItself } from './guard.ts';
import { type Write, planFor } from './plan.ts';
import { type Images, lockRows, readRows } from './rows.ts';
import { appendRows, insertRows, removeRows, setRows } from './write.ts';

/**
 * The heal of a batch, inside a transaction that somebody else opened: lock → look again → write → let deferred
 * constraints and triggers run → read what came of it → verify → cross-check → hand the entries to the journal.
 * It throws a Fault for subjects that can't be healed; whoever called rolls back to a savepoint and goes on without them.
 *
 * READ COMMITTED throughout: each statement sees what was committed before it began. The look begins after the locks are
 * held, so it can't compute from a child row that it has not seen; REPEATABLE READ and even SERIALIZABLE would.
 */
export interface Healing {
  readonly tx: Tx;
  /** Every invariant that this process knows, the one that is healed included. */
  readonly all: readonly Bound[];
  /** Entries so far; cut back when a savepoint is. */
  entries: Draft[];
}

export type Result =
  | { readonly did: 'healed' }
  | { readonly did: 'cleared' }
  | { readonly did: 'busy' }
  | { readonly did: 'shown'; readonly violation: Violation }
  | { readonly did: 'parked'; readonly why: string; readonly violation: Violation }
  | { readonly did: 'changed'; readonly violation: Violation };

/** These subjects can't be healed as they are. `known`: nobody else was in the way, so trying again changes little. */
export class Fault extends Error {
  readonly keys: readonly Key[] | undefined;
  readonly known: boolean;
  constructor(message: string, keys: readonly Key[] | undefined, known = false) {
    super(message);
    this.name = 'Fault';
    this.keys = keys;
    this.known = known;
  }
}

/** Somebody else holds a row that this heal needs as well; it gives way. */
export class Busy extends Error {
  override name = 'Busy';
}

const deepest = 3;

export interface Order {
  readonly bound: Bound;
  readonly keys: readonly Key[];
  /** Whether the violation is the one that was believed; absent: any is. */
  readonly believed?: (violation: Violation) => boolean;
  readonly because?: string;
  readonly decidedBy: (key: Key) => string;
  readonly openedAt: (key: Key) => Date | null;
  readonly depth: number;
}

export async function heal(healing: Healing, order: Order): Promise<Map<string, Result>> {
  const { tx } = healing;
  const { bound, keys } = order;
  const results = new Map<string, Result>();
  const imaged = imageColumns(healing, bound);
  const locked = await lockRows(tx, bound.table, bound.key, imaged, bound.invariant.on.where, keys, isStrong(bound));
  const seen = await askKeys(tx, bound, keys);

  const work: { violation: Violation; writes: readonly Write[] }[] = [];
  for (const key of keys) {
    const id = keyId(key);
    const violation = seen.get(id);
    const plan = violation && planFor(bound, violation);
    if (!violation || !plan) results.set(id, { did: 'cleared' });
    else if (plan.do === 'show') results.set(id, { did: 'shown', violation });
    else if (violation.present && !locked.has(id)) results.set(id, { did: 'busy' });
    else if (order.believed && !order.believed(violation)) results.set(id, { did: 'changed', violation });
    else if (plan.do === 'park') results.set(id, { did: 'parked', why: plan.why, violation });
    else work.push({ violation, writes: plan.writes });
  }
  if (work.length === 0) return results;

  await tx.query('savepoint before_write');
  const entriesBefore = healing.entries.length;
  let written = await write(healing, order, work, locked, imaged);
  const scope = await touchedBy(tx, healing.all, written.changes, own(bound, work));
  await lockTouched(tx, scope.touched);
  const ownKeys = work.map(({ violation }) => violation.key);
  if (scope.touched.some(({ verified }) => verified.length > 0)) await verify(tx, bound, ownKeys);
  const hits = await askTouched(tx, scope.touched);
  if (hits.length > 0) {
    // Rare, so its price is paid here only: was it broken before?
    await tx.query('rollback to savepoint before_write');
    healing.entries.length = entriesBefore;
    const doubtful = scope.touched.filter(({ bound: one }) => hits.some(hit => hit.bound === one));
    await lockTouched(tx, scope.touched);
    const before = await askTouched(tx, doubtful);
    await tx.query('savepoint before_write');
    written = await write(healing, order, work, locked, imaged);
    const broken = newly(await askTouched(tx, doubtful), before);
    await healBroken(healing, order, work, broken, scope.touched);
  }
  await tx.query('release savepoint before_write');
  for (const entry of healing.entries.slice(entriesBefore)) entry.unchecked ??= scope.unchecked;
  for (const { violation } of work) results.set(keyId(violation.key), { did: 'healed' });
  return results;
}

/** What this heal newly broke is healed with it, in the order of names, or it isn't done at all. */
async function healBroken(
  healing: Healing,
  order: Order,
  work: readonly { violation: Violation }[],
  broken: readonly Hit[],
  touched: readonly Touched[],
): Promise<void> {
  const { bound } = order;
  const keys = work.map(({ violation }) => violation.key);
  for (const { bound: other, violations } of broken) {
    const canHeal = (await healsItself(healing.tx, other)) && violations.every(one => planFor(other, one).do === 'write');
    if (!canHeal || other.name === bound.name) throw new Fault(`it would break ${other.name}`, keys);
    if (order.depth >= deepest || order.because === other.name) {
      throw new Fault(`${bound.name} and ${other.name} undo each other`, keys, true);
    }
    const results = await heal(healing, {
      bound: other,
      keys: violations.map(({ key }) => key),
      because: bound.name,
      decidedBy: () => 'evenkeel',
      openedAt: () => null,
      depth: order.depth + 1,
    });
    for (const { did } of results.values()) {
      if (did === 'busy') throw new Busy(`a row of ${other.name} is locked`);
      if (did !== 'healed' && did !== 'cleared') throw new Fault(`it would break ${other.name}`, keys);
    }
  }
  if (broken.length === 0) return;
  const still = await askKeys(healing.tx, bound, keys);
  for (const violation of still.values()) {
    if (planFor(bound, violation).do !== 'write') continue;
    const names = broken.map(hit => hit.bound.name).join(', ');
    throw new Fault(`${bound.name} and ${names} undo each other`, [violation.key], true);
  }
  const [again] = newly(await askTouched(healing.tx, touched), broken);
  if (again && broken.some(hit => hit.bound === again.bound)) throw new Fault(`it would break ${again.bound.name}`, keys);
}

interface Written {
  readonly changes: Change[];
}

/** Writes, lets everything deferred run, and reads the world again: silent, and nothing undeclared was written. */
async function write(
  healing: Healing,
  order: Order,
  work: readonly { violation: Violation; writes: readonly Write[] }[],
  locked: Images,
  imaged: readonly Column[],
): Promise<Written> {
  const { tx } = healing;
  const { bound } = order;
  const { table, key, touches } = bound;
  const keys = work.map(({ violation }) => violation.key);
  const counted = await writtenSoFar(tx);
  const working = new Set(keys.map(keyId));
  const before = new Map([...locked].filter(([id]) => working.has(id)));
  const related = touches.length > 0 ? await readRelated(tx, table, touches, before.values()) : [];

  const expected = new Map<string, number>();
  const count = (oid: string, rows: number) => expected.set(oid, (expected.get(oid) ?? 0) + rows);
  const appended: { entry: Omit<Draft, 'after'>; bound: Bound; table: Change['table']; key: readonly Column[] }[] = [];
  const doing = (what: Write['do']) => work.filter(({ writes }) => writes.some(one => one.do === what));

  const sets = doing('set');
  const values = (violation: Violation) => ({ key: violation.key, values: violation.wanted });
  if (sets.length) count(table.oid, await setRows(tx, table, key, bound.sets, sets.map(({ violation }) => values(violation))));
  const inserts = doing('insert').map(({ violation }) => violation);
  if (inserts.length) count(table.oid, await insertRows(tx, bound, inserts));
  for (const append of bound.appends) {
    const rows = work.filter(({ writes }) => writes.includes(append.remedy)).map(({ violation }) => violation);
    if (rows.length === 0) continue;
    const made = await appendRows(tx, append, bound, rows);
    count(append.table.oid, made.length);
    made.forEach((newKey, i) => {
      const subject = (rows[i] as Violation).key;
      const columns = append.key.map(name => append.table.columns.find(one => one.name === name) as Column);
      const entry = { ...common(order, subject), action: 'append' as const, table: append.table.quoted, key: newKey, keyColumns: append.key, before: null };
      appended.push({ entry, bound, table: append.table, key: columns });
    });
  }
  const removes = doing('remove').map(({ violation }) => violation.key);
  if (removes.length) count(table.oid, await removeRows(tx, table, key, removes));

  await tx.query('set constraints all immediate');
  const after = await readRows(tx, table, key, imaged, keys);
  const changes: Change[] = [{ table, images: [...before.values(), ...after.values()] }];
  const keyColumns = key.map(({ name }) => name);
  const wrote = (values: Values | undefined, columns: readonly Column[]): Values | null =>
    values ? Object.fromEntries(columns.map(({ name }) => [name, values[name] ?? null])) : null;
  for (const { violation, writes } of work) {
    const id = keyId(violation.key);
    for (const { do: action } of writes) {
      if (action === 'append') continue;
      const columns = action === 'set' ? bound.sets : [...key, ...imaged];
      healing.entries.push({
        ...common(order, violation.key),
        action,
        table: table.quoted,
        key: violation.key,
        keyColumns,
        before: action === 'insert' ? null : wrote(before.get(id), columns),
        after: action === 'remove' ? null : wrote(after.get(id), columns),
      });
    }
  }
  for (const { entry, table: to, key: columns } of appended) {
    const [image] = (await readRows(tx, to, columns, to.columns.filter(one => !columns.includes(one)), [entry.key])).values();
    const declared = bound.appends.find(one => one.table === to)?.remedy.columns ?? [];
    healing.entries.push({ ...entry, after: wrote(image, to.columns.filter(({ name }) => declared.includes(name))) });
    if (image) changes.push({ table: to, images: [image] });
  }
  changes.push(...(await effects(healing, order, counted, expected, related, after.values())));
  await verify(tx, bound, keys);
  return { changes };
}

/** Journals what cascades and triggers wrote in declared tables; anything undeclared undoes the heal. */
async function effects(
  healing: Healing,
  order: Order,
  counted: Map<string, number>,
  expected: Map<string, number>,
  before: readonly Related[],
  after: Iterable<Values>,
): Promise<Change[]> {
  const { tx } = healing;
  const { table, touches } = order.bound;
  const grown = difference(await writtenSoFar(tx), counted);
  const declared = new Set(touches.map(({ oid }) => oid));
  const undeclared = [...grown].filter(([oid, rows]) => !declared.has(oid) && rows > (expected.get(oid) ?? 0) * (oid === table.oid && table.kind === 'p' ? 2 : 1));
  if (undeclared.length > 0) {
    const names = await tableNames(tx, undeclared.map(([oid]) => oid));
    throw new Fault(`a cascade or a trigger writes ${names}; declare it with \`touches:\``, undefined, true);
  }
  if (touches.length === 0) return [];
  const linked = await readRelated(tx, table, touches, after);
  const found = effectsBetween(before, await rereadRelated(tx, before, linked));
  const ownRows = new Set(healing.entries.map(entry => entry.table + keyId(entry.key)));
  const effects_ = found.filter(effect => !ownRows.has(effect.table.quoted + keyId(effect.key)));
  const subject = order.keys[0] as Key;
  for (const effect of effects_) {
    healing.entries.push({
      ...common(order, subjectOf(order, effect) ?? subject),
      action: 'effect',
      table: effect.table.quoted,
      key: effect.key,
      keyColumns: effect.keyColumns,
      before: effect.before,
      after: effect.after,
    });
  }
  const unseen = [...grown].filter(([oid, rows]) => {
    const seen = effects_.filter(effect => effect.table.oid === oid).length + (expected.get(oid) ?? 0);
    return declared.has(oid) && rows > seen;
  });
  for (const [oid, rows] of unseen) {
    const name = touches.find(one => one.oid === oid)?.quoted ?? oid;
    const seen = effects_.filter(effect => effect.table.oid === oid).length + (expected.get(oid) ?? 0);
    healing.entries.push({
      ...common(order, subject),
      action: 'effect',
      table: name,
      key: [],
      keyColumns: [],
      before: null,
      after: { rows: String(rows - seen) },
    });
  }
  return effects_.map(effect => ({
    table: effect.table,
    images: [effect.before, effect.after].filter(image => image !== null),
  }));
}

/** The healed row that an effect belongs to, where a column of the same value says so; batches share effects otherwise. */
function subjectOf(order: Order, effect: Effect): Key | undefined {
  if (order.keys.length === 1) return order.keys[0];
  const image = effect.before ?? effect.after ?? {};
  const links = order.bound.table.children.find(link => String(link.child) === effect.table.oid);
  const columns = links?.columns;
  if (!columns || links.parentColumns.join() !== order.bound.key.map(({ name }) => name).join()) return undefined;
  const id = keyId(columns.map(name => image[name] ?? null));
  return order.keys.find(key => keyId(key) === id);
}

async function verify(tx: Tx, bound: Bound, keys: readonly Key[]): Promise<void> {
  const still = [...(await askKeys(tx, bound, keys)).values()].filter(one => planFor(bound, one).do === 'write');
  if (still.length > 0) throw new Fault('it is still broken after the write', still.map(({ key }) => key));
}

const common = (order: Order, subject: Key) => ({
  invariant: order.bound.name,
  hash: order.bound.hash,
  subject,
  openedAt: order.openedAt(subject),
  decidedBy: order.decidedBy(subject),
  becauseOf: order.because,
});

const own = (bound: Bound, work: readonly { violation: Violation }[]) => ({
  name: bound.name,
  keys: work.map(({ violation }) => violation.key),
});

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
    bound.invariant.heal.some(remedy => remedy.do === 'remove') || bound.sets.some(({ name }) => unique.has(name))
  );
}

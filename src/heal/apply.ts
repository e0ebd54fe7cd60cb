import { type Column, type Relation, columnOf } from '../catalog/relation.ts';
import type { Tx } from '../db/pool.ts';
import { type Key, type Values, type Violation, askKeys, keyId, valuesOf } from '../ask/ask.ts';
import type { Append, Bound } from '../ask/bind.ts';
import { account } from './account.ts';
import type { Change } from './crosscheck.ts';
import { readRelated, writtenSoFar } from './effects.ts';
import { Busy, Fault } from './fault.ts';
import { type Write, planFor } from './plan.ts';
import { type Images, readRows } from './rows.ts';
import { Counts, type Healing, type Order, type Task, entryOf } from './task.ts';
import { appendRows, insertRows, removeRows, setRows } from './write.ts';

/**
 * Writes, lets everything deferred run, and reads the world again: the invariant is silent, and nothing was written that
 * isn't accounted for. What changed goes to the cross-check, the entries to the journal.
 */
export async function apply(
  healing: Healing,
  order: Order,
  work: readonly Task[],
  keys: readonly Key[],
  locked: Images,
  imaged: readonly Column[],
): Promise<Change[]> {
  const { tx } = healing;
  const { bound } = order;
  const { table, key, touches } = bound;
  const before = keys === order.keys ? locked : imagesOfKeys(locked, keys);
  const counted = await writtenSoFar(tx);
  const related = touches.length > 0 ? await readRelated(tx, table, touches, before.values()) : [];

  const expected = new Counts();
  await writeOwn(tx, bound, work, keys, expected);
  const appended = await writeAppended(tx, order, work, expected);
  await tx.query('set constraints all immediate');

  const after = await readRows(tx, table, key, imaged, keys);
  healing.entries.push(...ownEntries(order, work, before, after, imaged));
  healing.entries.push(...appended.map(({ entry }) => entry));
  const changes: Change[] = [
    { table, images: [...before.values(), ...after.values()] },
    ...appended.map(({ table: to, image }) => ({ table: to, images: [image] })),
  ];
  changes.push(...(await account(healing, order, counted, expected, related, after.values())));
  await verify(tx, bound, keys);
  return changes;
}

/** The invariant is asked again, in a snapshot taken after the write. @throws Fault naming those that are still broken */
export async function verify(tx: Tx, bound: Bound, keys: readonly Key[]): Promise<void> {
  const still = [...(await askKeys(tx, bound, keys)).values()].filter(
    one => planFor(bound, one).do === 'write',
  );
  if (still.length > 0)
    throw new Fault(
      'it is still broken after the write',
      still.map(({ key }) => key),
    );
}

function imagesOfKeys(images: Images, keys: readonly Key[]): Images {
  const wanted = new Set(keys.map(keyId));
  return new Map([...images].filter(([id]) => wanted.has(id)));
}

async function writeOwn(
  tx: Tx,
  bound: Bound,
  work: readonly Task[],
  all: readonly Key[],
  expected: Counts,
): Promise<void> {
  const { table, key } = bound;
  const doing = (what: Write['do']) =>
    work.filter(({ writes }) => writes.some(one => one.do === what)).map(({ violation }) => violation);
  const sets = doing('set');
  if (sets.length > 0) {
    const keys = sets.length === all.length ? all : sets.map(violation => violation.key);
    const values = sets.map(violation => violation.wanted);
    expected.add(table, await setRows(tx, table, key, bound.sets, keys, values));
  }
  const inserts = doing('insert');
  if (inserts.length > 0) {
    const made = await insertRows(tx, bound, inserts);
    expected.add(table, made);
    // Somebody else added one of them meanwhile: it is theirs, and not ours to journal.
    if (made < inserts.length) throw new Busy('a missing row was just added by another transaction');
  }
  const removes = doing('remove').map(violation => violation.key);
  if (removes.length > 0) expected.add(table, await removeRows(tx, table, key, removes));
}

interface Appended {
  readonly entry: Healing['entries'][number];
  readonly table: Relation;
  readonly image: Values;
}

async function writeAppended(
  tx: Tx,
  order: Order,
  work: readonly Task[],
  expected: Counts,
): Promise<Appended[]> {
  const appended: Appended[] = [];
  for (const append of order.bound.appends) {
    const rows = work
      .filter(({ writes }) => writes.includes(append.remedy))
      .map(({ violation }) => violation);
    if (rows.length === 0) continue;
    const keys = await appendRows(tx, append, order.bound, rows);
    expected.add(append.table, keys.length);
    appended.push(...(await appendEntries(tx, order, append, rows, keys)));
  }
  return appended;
}

async function appendEntries(
  tx: Tx,
  order: Order,
  { table, key: names, remedy }: Append,
  rows: readonly Violation[],
  keys: readonly Key[],
): Promise<Appended[]> {
  const key = names.map(name => columnOf(table, name) as Column);
  const images = await readRows(
    tx,
    table,
    key,
    table.columns.filter(column => !key.includes(column)),
    keys,
  );
  return keys.map((newKey, i) => {
    const image = images.get(keyId(newKey)) ?? {};
    const entry = entryOf(order, (rows[i] as Violation).key, {
      action: 'append',
      table: table.quoted,
      key: newKey,
      keyColumns: names,
      before: null,
      after: pick(image, remedy.columns),
    });
    return { entry, table, image };
  });
}

/** A row that is set is journaled by what was written, one that is inserted or removed by all its columns. */
function ownEntries(
  order: Order,
  work: readonly Task[],
  before: Images,
  after: Images,
  imaged: readonly Column[],
): Healing['entries'] {
  const { table, key, sets } = order.bound;
  const keyNames = key.map(({ name }) => name);
  const setNames = sets.map(({ name }) => name);
  const allNames = [...keyNames, ...imaged.map(({ name }) => name)];
  const entries: Healing['entries'] = [];
  for (const { violation, writes } of work) {
    const id = keyId(violation.key);
    for (const { do: action } of writes) {
      if (action === 'append') continue;
      const names = action === 'set' ? setNames : allNames;
      const row = {
        action,
        table: table.quoted,
        key: violation.key,
        keyColumns: keyNames,
        before: action === 'insert' ? null : pick(before.get(id), names),
        after: action === 'remove' ? null : pick(after.get(id), names),
      };
      entries.push(entryOf(order, violation.key, row));
    }
  }
  return entries;
}

function pick(values: Values | undefined, names: readonly string[]): Values | null {
  if (!values) return null;
  return valuesOf(
    names,
    names.map(name => values[name] ?? null),
  );
}

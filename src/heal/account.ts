import { type Key, type Values, keyId } from '../ask/ask.ts';
import type { Change } from './crosscheck.ts';
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
import { Fault } from './fault.ts';
import { type Counts, type Healing, type Order, entryOf } from './task.ts';

/**
 * Accounts for every row that the transaction wrote: what cascades and triggers wrote in declared tables is journaled,
 * so that it can be undone; anything undeclared undoes the heal.
 * @throws Fault
 */
export async function account(
  healing: Healing,
  order: Order,
  counted: Map<string, number>,
  expected: Counts,
  before: readonly Related[],
  after: Iterable<Values>,
): Promise<Change[]> {
  const { tx } = healing;
  const { table, touches } = order.bound;
  const grown = difference(await writtenSoFar(tx), counted);
  const declared = new Set(touches.map(({ oid }) => oid));
  const undeclared = [...grown].filter(([oid, rows]) => {
    // An update that moves a row to another partition counts twice.
    const each = oid === table.oid && table.kind === 'p' ? 2 : 1;
    return !declared.has(oid) && rows > (expected.get(oid) ?? 0) * each;
  });
  if (undeclared.length > 0) {
    const names = await tableNames(
      tx,
      undeclared.map(([oid]) => oid),
    );
    throw new Fault(`a cascade or a trigger writes ${names}; declare it with \`touches:\``, undefined, true);
  }
  if (touches.length === 0) return [];
  const effects = await findEffects(healing, order, before, after);
  const subject = order.keys[0] as Key;
  const action = 'effect';
  for (const { table: to, key, keyColumns, before: was, after: is } of effects) {
    const row = { action, table: to.quoted, key, keyColumns, before: was, after: is } as const;
    healing.entries.push(entryOf(order, subject, row));
  }
  // What no foreign key links to the healed row can't be imaged: say how many, so that nobody thinks it was nothing.
  const partly = new Set<string>();
  for (const to of touches) {
    const seen = effects.filter(effect => effect.table.oid === to.oid).length + (expected.get(to.oid) ?? 0);
    const unseen = (grown.get(to.oid) ?? 0) - seen;
    if (unseen <= 0) continue;
    partly.add(to.oid);
    const rows = { rows: String(unseen) };
    const row = { action, table: to.quoted, key: [], keyColumns: [], before: null, after: rows } as const;
    healing.entries.push(entryOf(order, subject, row));
  }
  const seen = effects.map(({ table: to, before: was, after: is }) => ({
    table: to,
    images: [was, is].filter(image => image !== null),
  }));
  const rest = touches
    .filter(({ oid }) => partly.has(oid))
    .map(to => ({ table: to, images: [], partly: true }));
  return [...seen, ...rest];
}

async function findEffects(
  { tx, entries }: Healing,
  { bound }: Order,
  before: readonly Related[],
  after: Iterable<Values>,
): Promise<Effect[]> {
  const linked = await readRelated(tx, bound.table, bound.touches, after);
  const found = effectsBetween(before, await rereadRelated(tx, before, linked));
  const own = new Set(entries.map(entry => entry.table + keyId(entry.key)));
  return found.filter(effect => !own.has(effect.table.quoted + keyId(effect.key)));
}

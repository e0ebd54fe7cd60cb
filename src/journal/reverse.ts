import { type Column, type Relation, columnOf } from '../catalog/relation.ts';
import { type Tx, ask, quote } from '../db/pool.ts';
import type { Values } from '../ask/ask.ts';
import { setRows, removeRows } from '../heal/write.ts';
import type { Entry } from './entries.ts';

/** A column that holds something else than what the heal wrote. */
export interface Conflict {
  readonly column: string;
  readonly wrote: string | null;
  readonly now: string | null;
}

export class Refusal extends Error {
  readonly entry: string | undefined;
  readonly conflicts: readonly Conflict[];
  constructor(message: string, entry?: string, conflicts: readonly Conflict[] = []) {
    super(message);
    this.entry = entry;
    this.conflicts = conflicts;
  }
}

export interface Reversed {
  readonly entry: Entry;
  readonly columns: readonly string[];
  readonly before: Values | null;
  readonly after: Values | null;
}

/** Reverses one entry under its row's lock; undefined where there was nothing left to do. @throws Refusal */
export async function reverse(tx: Tx, entry: Entry, table: Relation): Promise<Reversed | undefined> {
  if (entry.action === 'append') return compensate(tx, entry, table);
  const now = await lockRow(tx, entry, table);
  const was = await reworded(tx, table, entry.before);
  const wrote = await reworded(tx, table, entry.after);
  // A trigger that mirrors the row may have restored this one already.
  if (entry.action === 'effect' && equal(now, was)) return undefined;
  if (wrote === null) {
    if (now) throw new Refusal('a row with this key exists again', entry.id);
    await insertRow(tx, table, was ?? {});
  } else {
    if (!now) throw new Refusal('the row is gone', entry.id);
    const conflicts = Object.keys(wrote)
      .filter(column => columnOf(table, column) !== undefined && now[column] !== wrote[column])
      .map(column => ({ column, wrote: wrote[column] ?? null, now: now[column] ?? null }));
    if (conflicts.length > 0) {
      const names = conflicts.map(({ column }) => column).join(', ');
      throw new Refusal(`${names} changed since the heal`, entry.id, conflicts);
    }
    if (was === null) await removeRows(tx, table, keyOf(entry, table), [entry.key]);
    else await restore(tx, entry, table, was, wrote);
  }
  const after = await readRow(tx, entry, table, '');
  const changed = Object.keys(was ?? {}).filter(column => columnOf(table, column)?.generated === false);
  if (was && changed.some(column => after?.[column] !== was[column])) {
    throw new Refusal('a trigger keeps the row from being restored', entry.id);
  }
  return { entry, columns: changed, before: wrote, after: was };
}

/** The same values as this session would print them: the text of a timestamptz depends on its time zone. */
async function reworded(tx: Tx, table: Relation, values: Values | null): Promise<Values | null> {
  const columns = table.columns.filter(({ name }) => values?.[name] != null);
  if (!values || columns.length === 0) return values;
  const [row = []] = await ask(
    tx,
    `select ${columns.map(({ type }, i) => `$${i + 1}::text::${type}::text`).join(', ')}`,
    columns.map(({ name }) => values[name]),
  );
  return { ...values, ...Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null])) };
}

/**
 * What is restored later, or a trigger that this sets off, may write a row that was restored already: it is written
 * again, and has to stand then, but for what a trigger stamps at every write (a version, a time). @throws Refusal
 */
export async function stands(tx: Tx, { entry, columns, after }: Reversed, table: Relation): Promise<void> {
  if (entry.action === 'append') return;
  for (let before: Values | undefined; ;) {
    const now = await readRow(tx, entry, table, '');
    const wrong = columns.filter(column => now?.[column] !== after?.[column]);
    if (after === null ? !now : now && wrong.length === 0) return;
    if (before && now && wrong.every(column => now[column] !== before?.[column])) return;
    if (before || after === null || !now) break;
    before = now;
    const fixed = wrong.map(name => columnOf(table, name)).filter(column => column !== undefined);
    await setRows(tx, table, keyOf(entry, table), fixed, [entry.key], [after]);
  }
  throw new Refusal('a trigger keeps the row from being restored', entry.id);
}

async function restore(tx: Tx, entry: Entry, table: Relation, was: Values, wrote: Values): Promise<void> {
  const gone = Object.keys(was).find(name => was[name] !== wrote[name] && !columnOf(table, name));
  if (gone !== undefined) throw new Refusal(`the column ${quote(gone)} is gone`, entry.id);
  const columns = Object.keys(was)
    .filter(name => was[name] !== wrote[name])
    .map(name => columnOf(table, name))
    .filter(
      (column): column is Column => column !== undefined && !column.generated && column.identity !== 'a',
    );
  if (columns.length === 0) return;
  await setRows(tx, table, keyOf(entry, table), columns, [entry.key], [was]);
}

const keyOf = (entry: Entry, table: Relation): Column[] =>
  entry.keyColumns.map(name => {
    const column = columnOf(table, name);
    if (!column) throw new Refusal(`the column ${quote(name)} is gone`, entry.id);
    return column;
  });

const lockRow = (tx: Tx, entry: Entry, table: Relation) => readRow(tx, entry, table, 'for update');

async function readRow(tx: Tx, entry: Entry, table: Relation, lock: string): Promise<Values | undefined> {
  const on = keyOf(entry, table).map(({ name, type }, i) => `t.${quote(name)} = $${i + 1}::text::${type}`);
  const rows = await ask(
    tx,
    `select ${table.columns.map(({ name }) => `t.${quote(name)}::text`).join(', ')} from ${table.quoted} t
      where ${on.join(' and ')} ${lock}`,
    [...entry.key],
  );
  const [row] = rows;
  return row && Object.fromEntries(table.columns.map(({ name }, i) => [name, row[i] ?? null]));
}

async function insertRow(tx: Tx, table: Relation, values: Values): Promise<void> {
  const columns = table.columns.filter(({ name, generated }) => name in values && !generated);
  await tx.query(
    `insert into ${table.quoted} (${columns.map(({ name }) => quote(name)).join(', ')}) overriding system value
     values (${columns.map(({ type }, i) => `$${i + 1}::text::${type}`).join(', ')})`,
    columns.map(({ name }) => values[name]),
  );
}

function equal(now: Values | undefined, then: Values | null): boolean {
  if (!now || !then) return !now && !then;
  return Object.keys(then).every(column => now[column] === then[column]);
}

/** int2, int4, int8, float4, float8, numeric, money, interval */
const amounts = [21, 23, 20, 700, 701, 1700, 790, 1186];

/**
 * What was appended is never deleted: its amount is appended again with the other sign. Which column is the amount must
 * be plain: the only number among the written columns that is neither part of a key nor a reference.
 */
async function compensate(tx: Tx, entry: Entry, table: Relation): Promise<Reversed> {
  const written = entry.after ?? {};
  const { rows } = await tx.query<{ key: string[] }>('select key from evenkeel.invariant where name = $1', [
    entry.invariant,
  ]);
  const keys = new Set([
    ...entry.keyColumns,
    ...(rows[0]?.key ?? []),
    ...table.references,
    ...table.indexes.filter(index => index.isUnique).flatMap(index => index.columns),
  ]);
  const numbers = table.columns.filter(
    ({ name, family }) =>
      name in written && amounts.includes(family) && !keys.has(name) && !/_id$/i.test(name),
  );
  const [amount] = numbers;
  if (!amount || numbers.length > 1) {
    throw new Refusal(
      `it appended to ${table.quoted}, and which column would be reversed is not plain; append the reversal by hand`,
      entry.id,
    );
  }
  const columns = table.columns.filter(({ name, generated }) => name in written && !generated);
  const list = columns.map(
    ({ name, type }, i) => `${name === amount.name ? '-' : ''}($${i + 1}::text::${type})`,
  );
  const made = await ask(
    tx,
    `insert into ${table.quoted} (${columns.map(({ name }) => quote(name)).join(', ')}) values (${list.join(', ')})
     returning ${[...entry.keyColumns, ...columns.map(({ name }) => name)].map(name => `${quote(name)}::text`).join(', ')}`,
    columns.map(({ name }) => written[name]),
  );
  const row = made[0] ?? [];
  const n = entry.keyColumns.length;
  const after = Object.fromEntries(columns.map(({ name }, i) => [name, row[n + i] ?? null]));
  return { entry: { ...entry, key: row.slice(0, n) }, columns: [amount.name], before: null, after };
}

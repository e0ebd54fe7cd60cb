import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Tx, transaction } from '../../src/db/pool.ts';
import { sealed, type Invariant } from '../../src/declare/invariant.ts';
import { type Values, askSome, keyId } from '../../src/ask/ask.ts';
import { type Bound, bind, searchPath } from '../../src/ask/bind.ts';
import { readRows } from '../../src/heal/rows.ts';
import { loadInvariants } from '../../src/load.ts';
import { freshDatabase, type FreshDatabase } from '../support/database.ts';

export const examples = join(import.meta.dirname, '../../examples');

/** The example on a fresh database. A test doesn't wait: what grace is for, test/find and test/heal tell. */
export async function load(folder: string): Promise<{ db: FreshDatabase; invariants: Invariant[] }> {
  const db = await freshDatabase();
  for (const file of ['schema.sql', 'data.sql'])
    await db.sql(await readFile(join(examples, folder, file), 'utf8'));
  await db.sql('analyze');
  const { invariants } = await loadInvariants(join(examples, folder, 'invariants'));
  return { db, invariants: invariants.map(one => sealed({ ...one, graceMs: 0 })) };
}

export const folders = async (): Promise<string[]> =>
  (await readdir(examples, { withFileTypes: true })).filter(one => one.isDirectory()).map(({ name }) => name);

/** Asks something of an invariant that has met the database, as `evenkeel try` does. */
function asking<T>(
  db: FreshDatabase,
  invariant: Invariant,
  ask: (tx: Tx, bound: Bound) => Promise<T>,
): Promise<T> {
  const limits = { statement: 5_000, readOnly: true, schemas: ['public'] };
  return transaction(db.pool, limits, async tx => ask(tx, await bind(tx, invariant, await searchPath(tx))));
}

/** key → kind: what `evenkeel try` shows. */
export function look(db: FreshDatabase, invariant: Invariant): Promise<Record<string, string>> {
  return asking(db, invariant, async (tx, bound) => {
    const { some } = await askSome(tx, bound, 1000);
    return Object.fromEntries(some.map(({ key, kind }) => [key.join('|'), kind]));
  });
}

/** key → the governed row's columns as text; rows that don't exist are left out. */
export function rows(
  db: FreshDatabase,
  invariant: Invariant,
  keys: readonly string[],
): Promise<Record<string, Values>> {
  return asking(db, invariant, async (tx, { table, key }) => {
    const others = table.columns.filter(column => !key.includes(column));
    const images = await readRows(
      tx,
      table,
      key,
      others,
      keys.map(one => one.split('|')),
    );
    return Object.fromEntries(
      keys.flatMap(one => {
        const image = images.get(keyId(one.split('|')));
        return image ? [[one, image]] : [];
      }),
    );
  });
}

/** key → state of what is listed still. */
export async function ledger(db: FreshDatabase, name: string): Promise<Record<string, string>> {
  const listed = await db.sql(
    `select array_to_string(key, '|') as key, state from evenkeel.violation where invariant = $1`,
    [name],
  );
  return Object.fromEntries(listed.map(({ key, state }) => [key as string, state as string]));
}

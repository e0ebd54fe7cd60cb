/**
 * An example's folder on a database of its own: valid data is silent; what is corrupted is found, healed, journaled,
 * left in peace by a second pass, and restored by undo to the text that it had, which a further pass leaves alone.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Invariant } from '../../src/declare/invariant.ts';
import type { Values, Violation } from '../../src/find/ask.ts';
import { undo } from '../../src/journal/undo.ts';
import { loadInvariants } from '../../src/load.ts';
import type { FreshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { contents, rewritten } from './contents.ts';
import { examples, ledger, load, look, rows } from './example.ts';

/** What becomes of a violation: column → text of the healed row; null: it is removed; a word: the ledger's state. */
export type Becomes = Values | null | 'shown' | 'parked' | 'approved';

/** One way in which the data goes wrong. `finds`: key (its columns put together with |) → how, and what becomes of it. */
export interface Corruption {
  readonly what: string;
  readonly sql: string;
  readonly finds: Readonly<Record<string, readonly [Violation['kind'], Becomes]>>;
}

export type Corruptions = Readonly<Record<string, readonly Corruption[]>>;

/** Proves every invariant of `examples/<folder>`, each by all of its corruptions at once. */
export function prove(folder: string, corruptions: Corruptions): void {
  describe(`examples/${folder}`, () => {
    test('has no invariant that is not proved', async () => {
      const { invariants } = await loadInvariants(join(examples, folder, 'invariants'));
      expect(Object.keys(corruptions).sort()).toEqual(invariants.map(({ name }) => name));
    });

    test('has nothing to say of valid data', async () => {
      const { db, invariants } = await load(folder);
      const before = await contents(db);
      for (const one of invariants) expect(await look(db, one), one.name).toEqual({});
      await keelOn(db, invariants).once();
      expect(await contents(db)).toEqual(before);
      expect(
        await db.sql('select name, failed_why from evenkeel.invariant where failed_why is not null'),
      ).toEqual([]);
    });

    for (const [name, list] of Object.entries(corruptions)) {
      test(`${name}: ${list.map(({ what }) => what).join('; ')}`, async () => {
        expect.hasAssertions();
        await proveOne(folder, name, list);
      });
    }
  });
}

async function proveOne(folder: string, name: string, list: readonly Corruption[]): Promise<void> {
  const { db, invariants } = await load(folder);
  const invariant = invariants.find(one => one.name === name)!;
  const finds = Object.assign({}, ...list.map(one => one.finds)) as Corruption['finds'];
  const keel = keelOn(db, invariants);

  for (const { sql } of list) await db.sql(sql);
  const corrupted = await contents(db);
  const rowsBefore = await rows(db, invariant, Object.keys(finds));
  expect(await look(db, invariant)).toEqual(mapped(finds, ([kind]) => kind));

  if (Object.values(finds).some(([, becomes]) => becomes === 'approved')) await approve(db, keel, invariant);
  const [{ now }] = (await db.sql('select clock_timestamp() as now')) as [{ now: Date }];
  await keel.once();
  expect(
    await db.sql('select name, failed_why from evenkeel.invariant where failed_why is not null'),
  ).toEqual([]);
  const healed = await contents(db);
  expect(rewritten(corrupted, healed), 'rows that were written though nothing changed').toEqual([]);
  expect(await ledger(db, name)).toEqual(mapped(finds, ([, becomes]) => stateOf(becomes)));
  const rowsAfter = await rows(db, invariant, Object.keys(finds));
  for (const [key, [kind, becomes]] of Object.entries(finds)) {
    const [was, is] = [rowsBefore[key], rowsAfter[key]];
    if (stateOf(becomes) !== undefined) expect(is, `${key} is left as it was`).toEqual(was);
    else if (becomes === null) expect(is, `${key} is removed`).toBeUndefined();
    else if (typeof becomes === 'object') expect(is, key).toMatchObject(becomes);
    const entries = await db.sql(
      `select action, before, after from evenkeel.entry
        where invariant = $1 and subject = $2 and at >= $3 and action <> 'effect' order by id`,
      [name, key.split('|'), now],
    );
    expect(entries.length > 0, `${key} is journaled`).toBe(stateOf(becomes) === undefined);
    for (const { action, before, after } of entries) {
      if (action === 'append') continue;
      expect(action).toBe(
        { differs: 'set', missing: 'insert', extra: 'remove', broken: becomes ? 'set' : 'remove' }[kind],
      );
      expect(before === null ? undefined : was, 'before').toEqual(
        before === null ? was : expect.objectContaining(before),
      );
      expect(after === null ? undefined : is, 'after').toEqual(
        after === null ? is : expect.objectContaining(after),
      );
    }
  }

  await keel.once();
  expect(await contents(db), 'a second pass').toEqual(healed);
  await undoAll(db, corrupted);
  const restored = await contents(db);
  await keel.once();
  expect(await contents(db), 'a pass after undo').toEqual(restored);
}

/** Every heal is undone, those that it set off too; what was appended stays, with its reversal. */
async function undoAll(db: FreshDatabase, corrupted: Awaited<ReturnType<typeof contents>>): Promise<void> {
  const entries = await db.sql(`select id, action, table_name from evenkeel.entry`);
  const appended = new Set(
    entries.filter(one => one.action === 'append').map(one => one.table_name as string),
  );
  const report = await undo(
    db.pool,
    { entries: entries.map(({ id }) => id as string), dryRun: false },
    'ada',
  );
  expect(report.refused).toEqual([]);
  const texts = ({ table, text }: { table: string; text: string }) => `${table} ${text}`;
  const others = ({ table }: { table: string }) => !appended.has(table);
  const now = await contents(db);
  expect(now.filter(others).map(texts).sort()).toEqual(corrupted.filter(others).map(texts).sort());
  const added = (rows: typeof now) => rows.filter(one => appended.has(one.table)).length;
  const appends = entries.filter(one => one.action === 'append').length;
  expect(added(now), 'compensations are reversed by appending').toBe(added(corrupted) + 2 * appends);
}

/** A person says yes to what the invariant, observing, has found. */
async function approve(
  db: FreshDatabase,
  keel: ReturnType<typeof keelOn>,
  { name }: Invariant,
): Promise<void> {
  await keel.once();
  await db.sql(
    `update evenkeel.violation set state = 'approved', decided_by = 'ada', due_at = clock_timestamp() where invariant = $1`,
    [name],
  );
}

const stateOf = (becomes: Becomes): string | undefined =>
  becomes === 'shown' ? 'open' : becomes === 'parked' ? 'parked' : undefined;

/** Keys whose mapped value is undefined are left out. */
function mapped<T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T) => U | undefined,
): Record<string, U> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => {
      const other = map(value);
      return other === undefined ? [] : [[key, other]];
    }),
  );
}

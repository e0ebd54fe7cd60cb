/**
 * An example's folder on a database of its own: valid data is silent; what is corrupted is found, healed, journaled,
 * left in peace by a second pass, and restored by undo to the text that it had, which a further pass leaves alone.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Invariant } from '../../src/declare/invariant.ts';
import type { Values, Violation } from '../../src/ask/ask.ts';
import { undo } from '../../src/journal/undo.ts';
import { loadInvariants } from '../../src/load.ts';
import type { FreshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { makeDue } from '../support/stage.ts';
import { type Content, contents, rewritten } from './contents.ts';
import { examples, ledger, load, look, rows } from './example.ts';

/**
 * What becomes of a violation: column → text of the healed row; null: the row goes; `appended`: column → text of a row
 * in another table, while this one stays; else it stays in the ledger, shown or parked.
 */
export type Becomes = Values | null | { readonly appended: Values } | 'shown' | 'parked';

/** One way in which the data goes wrong. */
export interface Corruption {
  readonly what: string;
  readonly sql: string;
  /** Key (its columns put together with |) → how it is found, and what becomes of it. */
  readonly finds: Readonly<Record<string, readonly [Violation['kind'], Becomes]>>;
  /** Undo refuses: what was done can't be taken back from here. */
  readonly refused?: true;
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
      expect(await failures(db)).toEqual([]);
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
  const before = await rows(db, invariant, Object.keys(finds));
  expect(await look(db, invariant)).toEqual(mapped(finds, ([kind]) => kind));

  if (invariant.mode === 'observe') await approve(db, keel, invariant, corrupted);
  await healAll(db, keel);
  expect(await failures(db)).toEqual([]);
  const healed = await contents(db);
  expect(rewritten(corrupted, healed), 'rows that were written though nothing changed').toEqual([]);
  expect(await ledger(db, name)).toEqual(mapped(finds, ([, becomes]) => stateOf(becomes)));
  const after = await rows(db, invariant, Object.keys(finds));
  for (const [key, [kind, becomes]] of Object.entries(finds)) {
    expectHealed(key, becomes, before[key], after[key]);
    await expectJournaled(db, name, key, kind, becomes, before[key], after[key]);
  }

  await keel.once();
  expect(await contents(db), 'a second pass').toEqual(healed);
  expect(await unhealed(db), 'what the heals set off is healed too').toEqual([]);
  const refused = list.filter(one => one.refused).flatMap(one => Object.keys(one.finds));
  await undoAll(db, corrupted, refused);
  const restored = await contents(db);
  await keel.once();
  expect(await contents(db), 'a pass after undo').toEqual(restored);
}

/** Two healers work at once: a row that one of them found in the other's hands is due a moment later. */
async function healAll(db: FreshDatabase, keel: ReturnType<typeof keelOn>): Promise<void> {
  await keel.once();
  for (let again = 0; again < 5 && (await unhealed(db)).length > 0; again++) {
    await makeDue(db);
    await keel.once();
  }
}

function expectHealed(key: string, becomes: Becomes, was: Values | undefined, is: Values | undefined): void {
  if (becomes === null) expect(is, `${key} goes`).toBeUndefined();
  else if (typeof becomes === 'string' || 'appended' in becomes) expect(is, `${key} stays`).toEqual(was);
  else expect(is, key).toMatchObject(becomes);
}

async function expectJournaled(
  db: FreshDatabase,
  name: string,
  key: string,
  kind: Violation['kind'],
  becomes: Becomes,
  was: Values | undefined,
  is: Values | undefined,
): Promise<void> {
  const entries = await db.sql(
    `select action, before, after from evenkeel.entry
      where invariant = $1 and subject = $2 and action <> 'effect' order by id`,
    [name, key.split('|')],
  );
  expect(entries.length > 0, `${key} is journaled`).toBe(stateOf(becomes) === undefined);
  for (const { action, before, after } of entries) {
    if (becomes !== null && typeof becomes === 'object' && 'appended' in becomes) {
      expect([action, before]).toEqual(['append', null]);
      expect(after).toMatchObject(becomes.appended as object);
      continue;
    }
    const broken = becomes === null ? 'remove' : 'set';
    expect(action).toBe({ differs: 'set', missing: 'insert', extra: 'remove', broken }[kind]);
    expect(was, 'before').toEqual(before === null ? undefined : expect.objectContaining(before));
    expect(is, 'after').toEqual(after === null ? undefined : expect.objectContaining(after));
  }
}

/** Every heal is undone, those that it set off too; what was appended stays, with its reversal. */
async function undoAll(
  db: FreshDatabase,
  corrupted: readonly Content[],
  refused: readonly string[],
): Promise<void> {
  const entries = (await db.sql(`select id, action, table_name as table, subject from evenkeel.entry`)) as {
    id: string;
    action: string;
    table: string;
    subject: string[];
  }[];
  const report = await undo(db.pool, { entries: entries.map(({ id }) => id), dryRun: false }, 'ada');
  const subjectOf = (id: string) => entries.find(entry => entry.id === id)?.subject.join('|');
  expect(new Set(report.refused.map(({ entry }) => subjectOf(entry)))).toEqual(new Set(refused));

  const appends = entries.filter(({ action }) => action === 'append');
  const isOther = ({ table }: Content) => !appends.some(entry => entry.table === table);
  const texts = (list: readonly Content[]) =>
    list
      .filter(isOther)
      .map(({ table, text }) => `${table} ${text}`)
      .sort();
  const now = await contents(db);
  expect(texts(now), 'after undo').toEqual(texts(corrupted));
  const more = now.length - corrupted.length;
  expect(more, 'compensations are reversed by appending').toBe(2 * appends.length - refused.length);
}

/** What observes writes nothing; then a person says yes. */
async function approve(
  db: FreshDatabase,
  keel: ReturnType<typeof keelOn>,
  { name }: Invariant,
  corrupted: readonly Content[],
): Promise<void> {
  await keel.once();
  expect(await contents(db)).toEqual(corrupted);
  await db.sql(
    `update evenkeel.violation set state = 'approved', decided_by = 'ada', due_at = clock_timestamp() where invariant = $1`,
    [name],
  );
}

/** What waits for a heal still: neither shown, nor parked, nor observed. */
const unhealed = (db: FreshDatabase) =>
  db.sql(
    `select v.invariant, v.key, v.reason from evenkeel.violation v join evenkeel.invariant i on i.name = v.invariant
      where i.mode = 'heal' and v.state = 'open' and v.reason is distinct from 'no remedy is listed for this case'`,
  );

const failures = (db: FreshDatabase) =>
  db.sql('select name, failed_why from evenkeel.invariant where failed_why is not null');

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

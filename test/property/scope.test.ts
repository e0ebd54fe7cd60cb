import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { type Tx, ask, sqlState } from '../../src/db/pool.ts';
import type { Key } from '../../src/ask/ask.ts';
import type { Bound } from '../../src/ask/bind.ts';
import { whole } from '../../src/ask/question.ts';
import { isBlind } from '../../src/heal/crosscheck.ts';
import { keysVia } from '../../src/watch/scope/keys.ts';
import { freshDatabase } from '../support/database.ts';
import {
  type Case,
  images,
  isRefusal,
  numbers,
  plain,
  randomCase,
  rolledBack,
  setUp,
  snapshot,
  told,
} from './case.ts';
import { type Row, change, domains } from './tables.ts';
import { cases } from './tape.ts';

const runs = cases(1000);

const db = await freshDatabase();
beforeAll(() => db.sql(`create schema p; set search_path = p; ${domains}`));

test('whatever a change touches is derived from its old and new rows', { timeout: 3_600_000 }, async () => {
  const done = { touched: 0, looked: 0, composite: 0, nulls: 0, seen: 0, blind: 0, refused: 0, silent: 0 };
  await fc.assert(
    fc.asyncProperty(numbers, async list => {
      const one = randomCase(list);
      await rolledBack(db.pool, async tx => {
        const bound = await setUp(tx, one);
        if (bound === 'refused') return void done.refused++;
        for (let round = 0; round < 4; round++) {
          const outcome = await follow(tx, bound, one);
          if (outcome === 'refused') return void done.refused++;
          if (outcome === 'blind' || outcome === 'silent') done[outcome]++;
          else {
            done.seen++;
            if (outcome.changed.length > 0) done.touched++;
            if (outcome.changed.length > 0 && outcome.looked) done.looked++;
            if (outcome.changed.length > 0 && bound.key.length > 1) done.composite++;
            if (outcome.changed.some(key => key.includes(null))) done.nulls++;
          }
        }
      });
    }),
    { numRuns: runs, endOnFailure: false },
  );
  console.log(JSON.stringify(done));
  expect(Math.min(done.touched, done.looked, done.composite)).toBeGreaterThanOrEqual(100);
  expect(done.refused).toBeLessThan(runs / 3);
});

type Outcome = 'refused' | 'blind' | 'silent' | { changed: Key[]; looked: boolean };

/** A few statements that change tables; what they changed in the answer has to be among the derived keys. */
async function follow(tx: Tx, bound: Bound, one: Case): Promise<Outcome> {
  const { tape, world } = one;
  const answerBefore = await answer(tx, bound);
  const rowsBefore = await snapshot(tx, world);
  const statements: string[] = [];
  for (let n = 2 + tape.int(3); n > 0; n--) {
    const read = world.tables.filter(({ name }) => bound.scope.reads.some(one => one.name === name));
    const statement = change(tape, tape.pick(tape.chance(10) ? world.tables : read));
    if (await accepted(tx, statement)) statements.push(statement);
  }
  const changes = images(rowsBefore, await snapshot(tx, world));
  const answerAfter = await answer(tx, bound).catch((error: unknown) => {
    if (isRefusal(error)) return undefined;
    throw error;
  });
  if (!answerAfter) return 'refused';
  const changed = [...new Set([...answerBefore.keys(), ...answerAfter.keys()])].filter(
    id => answerBefore.get(id) !== answerAfter.get(id),
  );
  const tables = bound.scope.reads.filter(({ name }) => changes.has(name));
  if (tables.length === 0) {
    expect(changed, `no table that it reads has changed\n${told(one)}\n${statements.join('\n')}`).toEqual([]);
    return 'silent';
  }
  if (tables.some(table => isBlind(bound, table))) return 'blind';
  const derived = new Set<string>();
  let looked = false;
  for (const table of tables) {
    for (const path of bound.scope.paths.filter(({ relation }) => relation.oid === table.oid)) {
      const keys = await keysVia(tx, path, changes.get(table.name) as Row[]);
      if (path.joins.length > 0 && keys.length > 0) looked = true;
      for (const key of keys) derived.add(JSON.stringify(key.map(plain)));
    }
  }
  const missed = changed.filter(id => !derived.has(id));
  const why = JSON.stringify({
    missed,
    derived: [...derived],
    paths: bound.scope.paths.map(({ relation, key, joins }) => [relation.name, ...key, ...joins]),
  });
  expect(missed, `${why}\n${told(one)}\n${statements.join('\n')}`).toEqual([]);
  return { changed: changed.map(id => JSON.parse(id) as Key), looked };
}

/** All that is said of each key. */
async function answer(tx: Tx, bound: Bound): Promise<Map<string, string>> {
  const width = bound.key.length;
  const byKey = new Map<string, string[]>();
  for (const row of await ask(tx, whole(bound))) {
    const id = JSON.stringify(row.slice(0, width).map(plain));
    byKey.set(id, [...(byKey.get(id) ?? []), JSON.stringify(row.map(plain))]);
  }
  return new Map([...byKey].map(([id, rows]) => [id, rows.sort().join()]));
}

/** A statement that a constraint forbids changes nothing. */
async function accepted(tx: Tx, statement: string): Promise<boolean> {
  await tx.query('savepoint statement');
  try {
    await tx.query(statement);
    return true;
  } catch (error) {
    if (!sqlState(error)?.startsWith('23')) throw error;
    await tx.query('rollback to savepoint statement');
    return false;
  }
}

import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { type Tx, sqlState } from '../../src/db/pool.ts';
import type { Bound } from '../../src/ask/bind.ts';
import { freshDatabase } from '../support/database.ts';
import { type Case, numbers, randomCase, rolledBack, setUp } from './case.ts';
import { follow } from './follow.ts';
import { change, domains } from './tables.ts';
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
          const outcome = await follow(tx, bound, one, () => deeds(tx, bound, one));
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

/** A few random statements, most of them on tables that are read. */
async function deeds(tx: Tx, bound: Bound, { tape, world }: Case): Promise<string> {
  const read = world.tables.filter(({ name }) => bound.scope.reads.some(one => one.name === name));
  const statements: string[] = [];
  for (let n = 2 + tape.int(3); n > 0; n--) {
    const statement = change(tape, tape.pick(tape.chance(10) ? world.tables : read));
    if (await accepted(tx, statement)) statements.push(statement);
  }
  return statements.join('\n');
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

import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { agree } from './agree.ts';
import { numbers, randomCase, rolledBack, setUp } from './case.ts';
import { domains } from './tables.ts';
import { cases } from './tape.ts';

const runs = cases(600);

const db = await freshDatabase();
beforeAll(() => db.sql(`create schema p; set search_path = p; ${domains}`));

test(`every way of asking gives the same answer`, { timeout: 3_600_000 }, async () => {
  const done = { should: 0, broken: 0, composite: 0, injected: 0, violated: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(numbers, async list => {
      const one = randomCase(list);
      await rolledBack(db.pool, async tx => {
        const bound = await setUp(tx, one);
        if (bound === 'refused') return void done.refused++;
        done[one.form]++;
        if (bound.key.length > 1) done.composite++;
        if (bound.scope.injections.length > 0) done.injected++;
        if (await agree(tx, bound, one)) done.violated++;
      });
    }),
    { numRuns: runs, endOnFailure: false },
  );
  console.log(JSON.stringify(done));
  expect(
    Math.min(done.should, done.broken, done.composite, done.injected, done.violated),
  ).toBeGreaterThanOrEqual(100);
  expect(done.refused).toBeLessThan(runs / 3);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { possible } from '../../src/check/prove.ts';
import { readTable } from '../../src/check/table.ts';
import { transaction } from '../../src/db/pool.ts';
import { freshDatabase } from '../support/database.ts';

const number = fc.integer({ min: -2, max: 3 });
const order = fc.constantFrom('=', '<>', '<', '<=', '>', '>=');
const word = fc.constantFrom("'x'", "'y'", "'z'");
const leaf = fc.oneof(
  fc
    .tuple(fc.constantFrom('n', 'm', 'p'), order, fc.oneof(number, fc.constantFrom('n', 'm', 'p')))
    .map(parts => parts.join(' ')),
  fc
    .tuple(fc.constantFrom('t', 'u'), fc.constantFrom('=', '<>'), fc.oneof(word, fc.constantFrom('t', 'u')))
    .map(parts => parts.join(' ')),
  fc
    .tuple(fc.constantFrom('n', 'm', 'p', 't', 'u', 'b', 'e'), fc.constantFrom('is null', 'is not null'))
    .map(parts => parts.join(' ')),
  fc.constantFrom(
    'b',
    'not b',
    "e = 'one'",
    "e <> 'two'",
    'b is not true',
    "t ~ '^q'",
    'n + m > 40',
    'length(u) = 4',
    "upper(t) = 'Q'",
  ),
);
const { condition } = fc.letrec<{ condition: string }>(tie => ({
  condition: fc.oneof(
    { maxDepth: 2 },
    leaf,
    fc
      .tuple(tie('condition'), fc.constantFrom('and', 'or'), tie('condition'))
      .map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie('condition').map(one => `not (${one})`),
    tie('condition').map(one => `(${one}) is null`),
  ),
}));
const schema = fc.record({
  checks: fc.array(condition, { maxLength: 3 }),
  required: fc.subarray(['n', 'm', 't', 'b', 'e']),
});

test('what is proved to be impossible stays empty under many valid rows; each witness is one', async () => {
  const db = await freshDatabase();
  await db.sql(`create type e as enum ('one', 'two'); create domain p as int check (value > -2);
    create table rows as select n, m, p, t, u, b, e
      from unnest(array[null, -40, -3, -2, -1, 0, 1, 2, 3, 4, 50]) n, unnest(array[null, -3, 0, 1, 2, 3, 50]) m,
        unnest(array[null, -1, 0, 2, 60]) p, unnest(array[null, 'x', 'y', 'z', 'q', 'qq']) t, unnest(array[null, 'x', 'z', 'long', 'q']) u,
        unnest(array[null, true, false]) b, unnest(array[null, 'one', 'two']::e[]) e`);
  let [proved, shown] = [0, 0];
  await fc.assert(
    fc.asyncProperty(schema, condition, async ({ checks, required }, condition) => {
      await db.sql(`drop table if exists c; create table c (n int, m int, p p, t text, u varchar(4), b boolean, e e
        ${checks.map(one => `, check (${one})`).join('')})`);
      for (const name of required) await db.sql(`alter table c alter ${name} set not null`);
      const limits = { readOnly: true, statement: 20_000, schemas: ['public'] };
      const verdict = await transaction(db.pool, limits, async tx => {
        const table = await readTable(tx, 'c');
        if (!table) throw new Error('there is no table');
        return possible(tx, { table, alias: 'c', parts: [condition] });
      });
      if (verdict.is === 'proved') {
        proved++;
        const valid = [...checks, ...required.map(one => `${one} is not null`)].map(
          one => `(${one}) is not false`,
        );
        const rows = await db.sql(
          `select * from rows where ${[...valid, `(${condition})`].join(' and ')} limit 1`,
        );
        expect(rows).toEqual([]);
      } else if (verdict.is === 'witness') {
        shown++;
        const { row } = verdict;
        const names = Object.keys(row);
        // What is tied to none of these columns is not part of the question.
        const tied = checks.filter(one => names.some(name => new RegExp(`\\b${name}\\b`).test(one)));
        const must = required.filter(one => names.includes(one)).map(one => `${one} is not null`);
        const types = { n: 'int', m: 'int', p: 'p', t: 'text', u: 'text', b: 'boolean', e: 'e' };
        const columns = Object.entries(types).map(([name, type], i) => `$${i + 1}::${type} as ${name}`);
        const valid = [...tied, ...must, 'length(u) <= 4'].map(one => `((${one}) is not false)`);
        const holds = await db.sql(
          `select from (select ${columns.join(', ')}) c where ${valid.join(' and ')} and (${condition})`,
          Object.keys(types).map(name => row[name] ?? null),
        );
        expect(holds).toHaveLength(1);
      }
    }),
    { numRuns: 150 },
  );
  expect(proved).toBeGreaterThan(5);
  expect(shown).toBeGreaterThan(20);
});

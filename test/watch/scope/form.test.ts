import { expect, test } from 'vitest';
import { askKeys } from '../../../src/ask/ask.ts';
import type { Bound } from '../../../src/ask/bind.ts';
import { askable, cheapest, form } from '../../../src/ask/cost.ts';
import { capturePlan, unfollowed } from '../../../src/watch/capture/plan.ts';
import { freshDatabase } from '../../support/database.ts';
import { bindOn, inTransaction, should } from '../binding.ts';

/** EXPLAIN decides how keys are asked: the plan is Postgres's, and so are the numbers. */

const total = should(
  'orders',
  'select o.id, coalesce(l.sum, 0) as total from orders o left join (select order_id, sum(amount) from lines group by 1) l on l.order_id = o.id',
);

test('a table that was empty and unindexed when it was bound, and grew: the next binding sees it', async () => {
  const db = await freshDatabase();
  await db.sql(`create table orders (id int primary key, total numeric);
    create table lines (order_id int, amount int)`);
  // Whatever grows here is never analyzed: the statistics are as stale as can be.
  for (const table of ['orders', 'lines'])
    await db.sql(`alter table ${table} set (autovacuum_enabled = off)`);
  const bound = async () => (await bindOn(db, { total }))['total'] as Bound;
  const why = (one: Bound) => unfollowed(one, capturePlan([one]), 'triggers');

  const empty = await bound();
  expect(form(empty.costs)).not.toBe('sweep');
  expect(why(empty)).toEqual([]);

  await db.sql(`insert into orders select g, 0 from generate_series(1, 90000) g;
    insert into lines select 1 + g % 90000, 1 from generate_series(1, 900000) g`);
  const grown = await bound();
  expect(form(grown.costs)).toBe('sweep');
  expect(askable(grown.costs)).toBe(false);
  expect(why(grown)).toEqual([
    { table: 'public.orders', why: 'to ask of one key costs about as much as to ask of all' },
  ]);
  // Bound to the empty tables it still answers right, if slowly: only the price was wrong.
  const found = await inTransaction(db, tx => askKeys(tx, empty, [['7'], ['8']]));
  expect([...found.values()].map(({ key }) => key[0]).sort((a, b) => Number(a) - Number(b))).toEqual([
    '7',
    '8',
  ]);

  await db.sql('create index on lines (order_id)');
  expect(form((await bound()).costs)).toBe('lateral');
  // Without statistics Postgres takes every two-hundredth row for a line of one order.
  await db.sql('analyze lines');
  const indexed = await bound();
  expect(form(indexed.costs)).toBe('lateral');
  expect(askable(indexed.costs)).toBe(true);
  expect(why(indexed)).toEqual([]);
  // The condition doesn't reach into the grouped sub-query otherwise.
  expect(indexed.costs.any).toBeGreaterThan(50 * indexed.costs.lateral);
  expect([cheapest(indexed.costs, 1), cheapest(indexed.costs, 1e6)]).toEqual(['lateral', 'any']);
});

test('what is cheap as a whole is asked by key whatever it costs beside the whole', () => {
  const costs = { lateral: 9_000, any: 9_000, whole: 9_000, range: 9_000, more: 0 };
  expect(form(costs)).toBe('lateral');
  expect(form({ ...costs, whole: 1e6, lateral: 2e5 })).toBe('any');
  expect(form({ lateral: 1e5, any: 1.2e5, whole: 1.1e5, range: 1, more: 0 })).toBe('sweep');
});

test('a heal asks nobody for a key that takes seconds, however dear the whole is', () => {
  const costs = { lateral: 1e6, any: 1e6, whole: 1e9, range: 1, more: 0 };
  expect(askable(costs)).toBe(false);
  expect(askable({ ...costs, lateral: 5e4 })).toBe(true);
});

test('many composite keys are asked one by one: restricted column by column, each value meets all of the others', async () => {
  const db = await freshDatabase();
  await db.sql(`create table parts (a int, b int, c int, n int default 0, primary key (a, b, c));
    insert into parts select x, y, z from generate_series(1, 10) x, generate_series(1, 10) y, generate_series(1, 300) z;
    create table ids (id int primary key, n int default 0); insert into ids select g from generate_series(1, 30000) g;
    analyze parts; analyze ids`);
  const { composite, single } = await bindOn(db, {
    composite: should('parts', 'select a, b, c, 0 as n from parts'),
    single: should('ids', 'select id, 0 as n from ids'),
  });
  const formOf = (bound: Bound | undefined) => cheapest((bound as Bound).costs, 1_000);
  expect([formOf(composite), formOf(single)]).toEqual(['lateral', 'any']);
});

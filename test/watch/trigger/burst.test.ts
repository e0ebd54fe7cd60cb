/** A statement that changes much is told as `all`: neither it, nor the queue, nor the reader carries a million images. */
import { expect, test } from 'vitest';
import { listen, scene } from './scene.ts';

const tables = (n: number) => `create table lines (id int primary key, order_id int, amount int);
  insert into lines select g, g, 1 from generate_series(1, ${n}) g; analyze lines`;

test('up to a thousand rows of a small table one by one, more as all', async () => {
  const { db, watched } = await scene(tables(5_000), { lines: ['order_id'] });
  const { told, quiet } = await listen(db, watched);
  await db.sql('update lines set amount = 2 where id <= 1000');
  await quiet();
  expect([new Set(told.rows).size, told.alls]).toEqual([1000, []]);
  await db.sql('update lines set amount = 2 where id <= 1001');
  await db.sql('insert into lines select g, g, 1 from generate_series(10001, 11001) g');
  await db.sql('delete from lines where id <= 1001');
  await quiet();
  expect([told.rows.length, told.alls]).toEqual([
    1000,
    Array.from({ length: 3 }, () => 'lines: more than 1000 rows changed at once'),
  ]);
});

test('up to a hundredth of a large one', async () => {
  const { db, watched } = await scene(tables(200_000), { lines: ['order_id'] });
  const { told, quiet } = await listen(db, watched);
  await db.sql('update lines set amount = 2 where id <= 2000');
  await quiet();
  expect([new Set(told.rows).size, told.alls]).toEqual([2000, []]);
  await db.sql('update lines set amount = 2 where id <= 2001');
  await quiet();
  expect([told.rows.length, told.alls]).toEqual([2000, ['lines: more than 2000 rows changed at once']]);
});

test('a million rows in one statement leave one row in the queue', async () => {
  const { db, watched } = await scene('create table lines (id int, order_id int)', { lines: ['order_id'] });
  await db.sql('insert into lines select g, g from generate_series(1, 1000000) g');
  expect(await db.sql('select operation, images, why from evenkeel.change')).toEqual([
    { operation: 'insert', images: null, why: 'more than 1000 rows changed at once' },
  ]);
  const { told, quiet } = await listen(db, watched, { fresh: false });
  await quiet();
  expect(told.alls).toContain('lines: more than 1000 rows changed at once');
});

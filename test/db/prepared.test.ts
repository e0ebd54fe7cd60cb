import { expect, test } from 'vitest';
import { ask, createPool, often, transaction } from '../../src/db/pool.ts';
import { freshDatabase } from '../support/database.ts';

test('what comes again and again is planned once a connection, and only inside of its transaction', async () => {
  const db = await freshDatabase();
  const pool = createPool(db.url, 1);
  const limits = { statement: 1_000, schemas: ['public'] };
  const prepared = () =>
    db.sql(`select generic_plans::int as generic, custom_plans::int as custom from pg_prepared_statements`);
  const double = (n: number, more: object) =>
    transaction(pool, { ...limits, ...more }, async tx => {
      const rows = await ask(tx, 'select g * $1::int from generate_series(1, 2) g', [n]);
      const { rows: plans } = await tx.query(
        'select generic_plans::int as generic, custom_plans::int as custom from pg_prepared_statements',
      );
      return { rows, plans };
    });
  for (let n = 1; n <= 3; n++) {
    const { rows, plans } = await double(n, { prepared: true });
    expect(rows).toEqual([[String(n)], [String(2 * n)]]);
    expect(plans).toEqual([{ generic: n, custom: 0 }]);
  }
  // Others are planned for their values.
  expect((await double(9, {})).plans).toEqual([{ generic: 3, custom: 0 }]);
  expect((await pool.query('show plan_cache_mode')).rows).toEqual([{ plan_cache_mode: 'auto' }]);
  expect(await prepared()).toEqual([]);
  await pool.end();
});

test('what comes often is planned once a connection, and asked anew where what was prepared is lost or outdated', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (n int)');
  await db.sql('insert into t values (1), (2)');
  const pool = createPool(db.url, 1);
  const more = () => often<{ n: unknown }>(pool, 'select n from t where n > $1', [1]);
  const prepared = async () => {
    const { rows } = await pool.query<{ n: number }>(
      'select sum(generic_plans + custom_plans)::int as n from pg_prepared_statements',
    );
    return rows[0]?.n;
  };
  for (let i = 1; i <= 3; i++) {
    expect(await more()).toEqual([{ n: 2 }]);
    expect(await prepared()).toBe(i);
  }
  await db.sql('alter table t alter n type numeric');
  expect(await more()).toEqual([{ n: '2' }]);
  expect(await more()).toEqual([{ n: '2' }]);
  expect(await prepared()).toBe(1);
  // As behind a pooler that hands out another server each time.
  await pool.query('deallocate all');
  expect(await more()).toEqual([{ n: '2' }]);
  expect(await more()).toEqual([{ n: '2' }]);
  expect(await prepared()).toBeNull();
  // A server that can't answer any more, such as a primary that was demoted, isn't asked for ever.
  const pid = async () => (await pool.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
  const before = await pid();
  await expect(often(pool, 'select 1 / 0')).rejects.toThrow('division by zero');
  expect(await pid()).not.toBe(before);
  await pool.end();
});

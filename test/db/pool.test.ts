import { expect, onTestFinished, test } from 'vitest';
import { createPool } from '../../src/db/pool.ts';
import { freshDatabase } from '../support/database.ts';

// Without a listener of the pool's own, the death of a lent connection ends the process: vitest fails the run for it.
test('a connection that dies while it is lent ends nothing else, and is lent no more', async () => {
  const db = await freshDatabase();
  const pool = createPool(db.url, 1);
  onTestFinished(() => pool.end());
  const lent = await pool.connect();
  const { rows } = await lent.query<{ pid: number }>('select pg_backend_pid() as pid');
  const died = new Promise(resolve => lent.once('end', () => resolve('died')));
  await db.sql('select pg_terminate_backend($1)', [rows[0]?.pid]);
  expect(await died).toBe('died');
  await expect(lent.query('select')).rejects.toThrow(/not queryable/);
  lent.release();
  const again = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  expect(again.rows[0]?.pid).not.toBe(rows[0]?.pid);
});

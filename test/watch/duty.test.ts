import { expect, test } from 'vitest';
import { Duty } from '../../src/watch/duty.ts';
import { freshDatabase } from '../support/database.ts';
import { until } from '../support/wait.ts';
import { telling } from './slot/telling.ts';

test('what our own slot has yet to acknowledge is no replica that lags: sweeps go on as fast', async () => {
  const db = await freshDatabase();
  const { settle } = await telling(db, {});
  const lag = async () => {
    await settle();
    const [row] = await db.sql(
      `select true from pg_stat_replication r join pg_replication_slots s on s.active_pid = r.pid
        where s.database = current_database() and replay_lag > interval '1.5 seconds'`,
    );
    return row;
  };
  await until(lag, { what: 'what is not acknowledged to count as a lag' });
  expect(await new Duty(db.pool, 0.2).pauseAfter(100, '0')).toBe(400);
});

/** Sweeps that read a replica: one that lags proves nothing that it hasn't seen. */
import { expect, onTestFinished, test } from 'vitest';
import { freshCluster } from '../support/cluster.ts';
import { double } from '../support/double.ts';
import { keelOn } from '../support/keel.ts';
import { own, standbyOf } from '../support/standby.ts';
import { until } from '../support/wait.ts';

const files = { double: double(['heal: set', 'grace: 0s']) };

test('a pass begins once the replica has what was committed before it', { timeout: 60_000 }, async () => {
  const primary = await freshCluster();
  const db = own(primary.url);
  await db.sql(`select pg_create_physical_replication_slot('standby', true);
    create table t (id int primary key, a int, b int); insert into t select g, g, 2 * g from generate_series(1, 50) g`);
  const standby = await standbyOf(primary, {});
  const copy = own(standby.url);
  const engine = await keelOn(db, files, {
    EVENKEEL_CAPTURE: 'sweeps',
    EVENKEEL_REPLICA_URL: standby.url,
    EVENKEEL_SWEEP_PAUSE: '10ms',
  }).engine();
  onTestFinished(() => engine.stop());
  engine.start();
  const passes = async () => Number((await db.sql('select passes from evenkeel.invariant'))[0]?.passes ?? 0);
  await until(async () => (await passes()) > 1, { what: 'passes' });
  await copy.sql('select pg_wal_replay_pause()');
  await until(
    async () => (await copy.sql('select pg_get_wal_replay_pause_state() as state'))[0].state === 'paused',
    { what: 'the replica to stand still' },
  );
  const [{ now }] = await db.sql(
    'with x as (update t set b = 0 where id = 7 returning 1) select clock_timestamp() as now from x',
  );
  // A pass that had begun before may still end, unless it began after the replica stood still: then it is the one that waits.
  const waiting = `select from evenkeel.invariant
    where pass_started_at > $1 or pass_started_at < clock_timestamp() - interval '2 seconds'`;
  await until(async () => (await db.sql(waiting, [now])).length > 0, { what: 'the next pass to wait' });
  const before = await passes();
  const [{ at }] = await db.sql('select clock_timestamp() as at');
  await until(
    async () =>
      (await db.sql(`select clock_timestamp() > $1::timestamptz + interval '1 second' as over`, [at]))[0]
        .over,
    {
      what: 'a hundred pauses to be over',
    },
  );
  expect([
    await passes(),
    (await db.sql('select proved_at < $1 as earlier from evenkeel.invariant', [now]))[0].earlier,
  ]).toEqual([before, true]);
  await copy.sql('select pg_wal_replay_resume()');
  await until(async () => (await db.sql(`select from evenkeel.violation where key = '{7}'`)).length > 0, {
    what: 'the violation',
  });
  await until(async () => (await passes()) > before, { what: 'the pass to end' });
});

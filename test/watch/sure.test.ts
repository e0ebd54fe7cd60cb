/** How sure Evenkeel is of what capture tells: escapes, the race with visibility, restarts, causes. */
import { expect, onTestFinished, test } from 'vitest';
import pg from 'pg';
import type { Engine } from '../../src/engine.ts';
import { sureness } from '../../src/find/overview.ts';
import { freshCluster } from '../support/cluster.ts';
import { freshDatabase } from '../support/database.ts';
import { double, unguarded } from '../support/double.ts';
import { keelOn } from '../support/keel.ts';
import { until } from '../support/wait.ts';

const files = { double: double(['mode: observe', ...unguarded]) };
const table =
  'create table t (id int primary key, a int, b int); insert into t select g, g, 2 * g from generate_series(1, 50) g';

type Sql = (text: string) => Promise<Record<string, unknown>[]>;

/** Capturing, with everything looked at once; no sweep comes unless a test says so. */
async function capturing(sql: Sql, url: string): Promise<Engine> {
  const engine = await keelOn({ url }, files, { EVENKEEL_CAPTURE: 'slot' }).engine();
  onTestFinished(() => engine.stop());
  engine.start();
  await quiet(sql);
  return engine;
}

async function quiet(sql: Sql): Promise<void> {
  const ready = `select from evenkeel.capture c, evenkeel.invariant i where c.kind = 'slot' and c.verified_at is not null
    and i.proved_at > c.since and i.stale_since is null`;
  await until(async () => (await sql(ready)).length > 0, { what: 'capture, and a first sweep' });
  await sql(`update evenkeel.invariant set next_pass_at = 'infinity'`);
}

test('a violation says which transaction broke it', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  await capturing(db.sql, db.url);
  const [{ xid }] = await db.sql(
    'with x as (update t set b = 0 where id = 7 returning pg_current_xact_id() as xid) select xid::text from x',
  );
  const [found] = await until(
    async () => {
      const rows = await db.sql('select key, cause from evenkeel.violation');
      return rows.length > 0 ? rows : undefined;
    },
    { what: 'the violation' },
  );
  expect(found).toEqual({
    key: ['7'],
    cause: { xid, at: expect.any(String), table: 'public.t', operation: 'update' },
  });
});

test('the journal says how sure it is that nothing is missing', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  await capturing(db.sql, db.url);
  const { pool } = db;
  await db.sql('insert into t values (51, 1, 2)');
  const [{ now }] = await db.sql('select clock_timestamp() as now');
  const sure = await until(
    async () => {
      const seen = await sureness(pool, 'double');
      return seen.verifiedAt && seen.verifiedAt > (now as Date) ? seen : undefined;
    },
    { what: 'the insert to have been looked at' },
  );
  expect(sure).toMatchObject({ position: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/), escapes: 0 });
  expect(sure.provedAt?.getTime()).toBeLessThan(sure.verifiedAt?.getTime() ?? 0);
  // Of all of them, the least sure counts: one that nobody has looked at yet.
  await db.sql(`insert into evenkeel.invariant (name, hash, says, on_table, key, heal, mode)
    values ('new', 'h', 's', 't', '{id}', '', 'observe')`);
  expect(await sureness(pool)).toMatchObject({ verifiedAt: null, provedAt: null, escapes: 0 });
});

test('a violation that only a sweep finds is an escape: the invariant rests on sweeps from then on, and says so', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  await capturing(db.sql, db.url);
  expect(await db.sql('select backed_by from evenkeel.invariant')).toEqual([{ backed_by: 'capture' }]);
  // Nothing tells of this update: while its transaction runs, updates aren't published.
  await db.sql(`begin; alter publication evenkeel set (publish = 'insert'); update t set b = 0 where id = 7;
    alter publication evenkeel set (publish = 'insert, update, delete, truncate'); commit`);
  await db.sql('update evenkeel.invariant set next_pass_at = clock_timestamp()');
  await until(async () => (await db.sql('select from evenkeel.invariant where escapes > 0')).length > 0, {
    what: 'the escape to be counted',
    timeoutMs: 30_000,
  });
  expect(await db.sql('select key, cause from evenkeel.violation')).toEqual([{ key: ['7'], cause: null }]);
  expect(await db.sql('select backed_by, escapes from evenkeel.invariant')).toEqual([
    { backed_by: 'sweeps', escapes: 1 },
  ]);
  expect(await db.sql(`select kind from evenkeel.alert`)).toEqual([{ kind: 'escaped' }]);
});

test('what capture tells while a sweep looks is no escape', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  await capturing(db.sql, db.url);
  for (let i = 1; i <= 20; i++) {
    await db.sql(
      `update t set b = 0 where id = ${i}; update evenkeel.invariant set next_pass_at = clock_timestamp()`,
    );
  }
  await until(async () => (await db.sql('select from evenkeel.violation')).length === 20, {
    what: 'all to be found',
  });
  const [{ at }] = await db.sql('select clock_timestamp() as at');
  await until(
    async () =>
      (await db.sql('select verified_at as at from evenkeel.invariant'))[0].at >
      new Date(at.getTime() + 6_000),
    { what: 'doubts to be settled', timeoutMs: 30_000 },
  );
  expect(await db.sql('select escapes from evenkeel.invariant')).toEqual([{ escapes: 0 }]);
});

test('a commit that is told before it can be seen is not looked at before', async () => {
  const cluster = await freshCluster();
  const pool = new pg.Pool({ connectionString: cluster.url });
  pool.on('error', () => {});
  onTestFinished(() => pool.end());
  const sql: Sql = async text => (await pool.query(text)).rows;
  await sql(table);
  // Evenkeel's own commits needn't wait.
  await capturing(sql, `${cluster.url}?options=-c%20synchronous_commit%3Dlocal`);
  // Commits wait for a standby that there isn't: on disk, told to slots, and seen by nobody.
  await sql(`alter system set synchronous_standby_names = 'nobody'`);
  await sql('select pg_reload_conf()');
  const writer = new pg.Client(cluster.url);
  await writer.connect();
  onTestFinished(() => writer.end());
  await until(
    async () =>
      (await writer.query('show synchronous_standby_names')).rows[0].synchronous_standby_names !== '',
    { what: 'the setting' },
  );
  await writer.query('set synchronous_commit = on');
  const lsn = (await writer.query('select pg_current_wal_insert_lsn()::text as lsn')).rows[0]?.lsn;
  const committed = writer.query('update t set b = 0 where id = 7');
  await until(
    async () => (await sql(`select from pg_stat_activity where wait_event = 'SyncRep'`)).length > 0,
    { what: 'the commit to wait' },
  );
  const told = `select from evenkeel.capture where waiting > 0 or '0/0'::pg_lsn + position > '${lsn}'`;
  await until(async () => (await sql(told)).length > 0, { what: 'capture to be told' });
  // A later change is looked at, so there was every chance to look too early.
  await sql('begin; set local synchronous_commit = local; update t set b = 0 where id = 9; commit');
  await until(async () => (await sql('select from evenkeel.violation')).length === 1, {
    what: 'the later violation',
  });
  expect(await sql('select b from t where id = 7')).toEqual([{ b: 14 }]);
  await sql('alter system reset synchronous_standby_names');
  await sql('select pg_reload_conf()');
  await committed;
  await until(async () => (await sql('select from evenkeel.violation')).length === 2, {
    what: 'the violation',
  });
});

test('whoever leads next is told again what was not looked at', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  const first = await capturing(db.sql, db.url);
  await first.stop();
  await db.sql('update t set b = 0 where id = 7');
  const next = await keelOn(db, files, { EVENKEEL_CAPTURE: 'slot' }).engine();
  onTestFinished(() => next.stop());
  next.start();
  await until(
    async () => (await db.sql('select from evenkeel.violation where cause is not null')).length === 1,
    { what: 'the violation' },
  );
  expect(await db.sql('select stale_since from evenkeel.invariant')).toEqual([{ stale_since: null }]);
});

test('a slot that is gone means that everything is looked at again', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  const first = await capturing(db.sql, db.url);
  await first.stop();
  await db.sql(
    'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()',
  );
  await db.sql('update t set b = 0 where id = 7');
  const next = await keelOn(db, files, { EVENKEEL_CAPTURE: 'slot' }).engine();
  onTestFinished(() => next.stop());
  next.start();
  await until(async () => (await db.sql('select from evenkeel.violation')).length === 1, {
    what: 'the violation',
  });
  expect(await db.sql('select kind from evenkeel.alert')).toEqual([{ kind: 'gap' }]);
  await until(
    async () => (await db.sql('select from evenkeel.invariant where stale_since is null')).length === 1,
    { what: 'the sweep to be over' },
  );
});

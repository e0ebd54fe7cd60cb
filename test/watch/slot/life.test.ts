import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { EvenkeelError } from '../../../src/errors.ts';
import { createPool } from '../../../src/db/pool.ts';
import { createLog } from '../../../src/log.ts';
import { SlotCapture } from '../../../src/watch/capture/slot/capture.ts';
import { publicationName, slotStatements } from '../../../src/watch/capture/slot/publication.ts';
import { unready } from '../../../src/watch/capture/slot/readiness.ts';
import { removeSlots } from '../../../src/watch/capture/slot/slot.ts';
import { freshCluster } from '../../support/cluster.ts';
import { type FreshDatabase, freshDatabase } from '../../support/database.ts';
import { own } from '../../support/standby.ts';
import { until } from '../../support/wait.ts';
import { Notes, prepare, slots, telling, watchedOf } from './telling.ts';

const t = { t: ['id'] };

async function told(db: FreshDatabase) {
  await db.sql('create table if not exists t (id int primary key)');
  const one = await telling(db, t);
  one.acknowledge();
  await until(async () => (await db.sql('select slot from evenkeel.capture'))[0].slot, {
    what: 'the slot to be remembered',
  });
  return one;
}

const ending = (one: { capture: { ended: Promise<never> } }): Promise<EvenkeelError> =>
  one.capture.ended.catch((error: EvenkeelError) => error);

test('a slot that is dropped under us, and a publication, end the reading; the next begins with a gap', async () => {
  const db = await freshDatabase();
  const one = await told(db);
  const { name } = (await slots(db))[0]!;
  await db.sql(
    'select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name = $1',
    [name],
  );
  await ending(one);
  await one.stop();
  await db.sql('select pg_drop_replication_slot($1)', [name]);
  const two = await told(db);
  expect(two.notes.gaps).toEqual([`the replication slot ${name} is gone`]);

  await db.sql(`drop publication ${publicationName}`);
  await db.sql('insert into t values (1)');
  await ending(two);
  await two.stop();
  const three = await told(db);
  expect(three.notes.gaps).toHaveLength(1);
  await db.sql('insert into t values (2)');
  await three.line('t insert → 2');

  // Dropped and made again while nobody read.
  await three.stop();
  await db.sql(`drop publication ${publicationName}`);
  await db.sql('insert into t values (3)');
  await db.sql(`create publication ${publicationName} for table t with (publish_via_partition_root)`);
  const four = await told(db);
  expect(four.notes.gaps).toHaveLength(1);
  expect(await slots(db)).toHaveLength(1);
});

test('a slot that holds back too much is given up', async () => {
  const db = await freshDatabase();
  const one = await told(db);
  await one.stop();
  const maxLag = 4 * 2 ** 20;
  const two = await telling(db, t, { maxLag });
  two.acknowledge();
  await db.sql(`insert into t values (0)`);
  await two.line('t insert → 0');
  const ended = ending(two);
  await db.sql(`create table big as select repeat(i::text, 100) as x from generate_series(1, 40000) i`);
  expect(await ended).toMatchObject({ code: 'slot-given-up', message: expect.stringContaining('MiB') });
  await two.stop();
  const three = await telling(db, t, { maxLag });
  expect(three.notes.gaps[0]).toMatch(/held back \d+ MiB of WAL/);
  expect(await slots(db)).toHaveLength(1);
});

test('a second reader is refused while the first one reads', async () => {
  const db = await freshDatabase();
  const one = await told(db);
  await expect(telling(db, t)).rejects.toMatchObject({ code: 'slot-busy', retry: true });
  await db.sql('insert into t values (1)');
  await one.line('t insert → 1');
});

test('stop does not wait for the transactions that a new slot waits for', async () => {
  const db = await freshDatabase();
  await prepare(db);
  await db.sql('create table t (id int primary key)');
  const client = await db.client();
  await client.query('begin; insert into t values (1)');
  const log = createLog('quiet');
  const capture = new SlotCapture({ pool: db.pool, url: db.url, log, maxLag: 2 ** 32 });
  const starting = capture.start(await watchedOf(db, t), new Notes()).catch((error: unknown) => error);
  const making = 'select from pg_replication_slots where database = current_database() and active';
  await until(async () => (await db.sql(making)).length, { what: 'the slot to be in the making' });
  await capture.stop();
  expect(await starting).toBeInstanceOf(Error);
  await until(async () => (await slots(db)).length === 0, { what: 'the slot to be gone' });
  await client.query('rollback');
});

describe('on a server of its own', () => {
  test('WAL that the server took away, and a server that dies', async () => {
    const cluster = await freshCluster({
      settings: { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '32MB' },
    });
    const db = own(cluster.url);
    const one = await told(db);
    await db.sql('insert into t values (1)');
    await one.line('t insert → 1');
    const down = ending(one);
    await cluster.kill();
    await down;
    await one.stop();
    await cluster.restart();
    const two = await telling(db, t);
    await two.line('t insert → 1');
    expect(two.notes.gaps).toEqual([]);
    await two.stop();
    for (let i = 0; i < 4; i++) await db.sql(`select pg_switch_wal() from (select txid_current()) x`);
    await db.sql('checkpoint');
    await db.sql('insert into t values (2)');
    const three = await told(db);
    expect(three.notes.gaps[0]).toMatch(/took away the WAL/);
    await db.sql('insert into t values (3)');
    await three.line('t insert → 3');
    await three.stop();
    expect(await removeSlots(db.pool, publicationName)).toHaveLength(1);
    expect(await slots(db)).toEqual([]);
  });

  test('whether a slot is possible, in a sentence', async () => {
    const cluster = await freshCluster({
      settings: { wal_level: 'replica', max_replication_slots: '0', synchronous_standby_names: '' },
    });
    const db = own(cluster.url);
    const reason = () => unready(db.pool, cluster.url);
    expect(await reason()).toMatch(/wal_level is replica/);
    const set = async (name: string, value: string) => {
      await db.sql(`alter system set ${name} = '${value}'`);
      await cluster.restart();
    };
    await set('wal_level', 'logical');
    expect(await reason()).toMatch(/max_replication_slots/);
    await set('max_replication_slots', '2');
    expect(await reason()).toBeUndefined();
    await set('synchronous_standby_names', '*');
    expect(await reason()).toMatch(/synchronous_standby_names/);
    await set('synchronous_standby_names', '');
    await db.sql(`create role keeper login password 'x'`);
    const url = new URL(cluster.url);
    url.username = 'keeper';
    url.password = 'x';
    const pool = createPool(url.href, 2);
    onTestFinished(() => pool.end());
    expect(await unready(pool, url.href)).toMatch(/keeper may not replicate/);
    await db.sql('alter role keeper replication');
    expect(await unready(pool, url.href)).toMatch(/may not create a publication/);
    await db.sql('create database other');
    url.pathname = 'other';
    await db.sql('grant create on database postgres to keeper');
    expect(await unready(pool, url.href)).toMatch(/another database/);
  });
});

test('a role that owns nothing and is no superuser reads what was published for it', async () => {
  const db = await freshDatabase();
  await prepare(db);
  const role = `role_${db.name}`.slice(0, 60);
  await db.sql(`create table t (id int primary key); create table unseen (id int primary key);
    create role ${pg.escapeIdentifier(role)} login password 'x'`);
  const url = new URL(db.url);
  url.username = role;
  url.password = 'x';
  const pool = createPool(url.href, 3);
  onTestFinished(async () => {
    await pool.end();
    const admin = new pg.Client(db.url);
    await admin.connect();
    await admin.query(`drop owned by ${pg.escapeIdentifier(role)}; drop role ${pg.escapeIdentifier(role)}`);
    await admin.end();
  });
  const statements = await slotStatements(db.pool, role, await watchedOf(db, t));
  for (const statement of statements) await db.sql(statement);
  await db.sql(`grant usage on schema evenkeel to ${pg.escapeIdentifier(role)};
    grant select, update, insert on all tables in schema evenkeel, public to ${pg.escapeIdentifier(role)}`);
  expect(await unready(pool, url.href)).toBeUndefined();
  const { capture, line } = await telling(db, { ...t, unseen: ['id'] }, { pool, url: url.href });
  expect([...capture.untold.values()]).toEqual([
    expect.stringContaining("it can't be published: must be owner"),
  ]);
  await db.sql('insert into t values (1)');
  await line('t insert → 1');
  // What it may still do: take a table out whose UPDATEs would fail.
  await db.sql('alter table t drop constraint t_pkey');
  await line('t all: it has no replica identity');
  await db.sql('update t set id = 2');
  await capture.stop();
});

import type pg from 'pg';
import { expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../../support/database.ts';
import { until } from '../../support/wait.ts';
import { parseLsn } from '../../../src/watch/capture/slot/moment.ts';
import { fresh, slots, telling } from './telling.ts';

const confirmed = async (db: FreshDatabase) => parseLsn((await slots(db))[0]!.confirmed);
const here = async (db: FreshDatabase) =>
  parseLsn((await db.sql('select pg_current_wal_insert_lsn()::text as lsn'))[0].lsn);

/** Two transactions whose commit records lie right behind one another: the one's end is the other's start. */
async function adjacent(a: pg.Client, b: pg.Client, ids: [number, number]): Promise<void> {
  await Promise.all([a, b].map((client, i) => client.query(`begin; insert into t values (${ids[i]})`)));
  await a.query('commit');
  await b.query('commit');
}

test('of two transactions with adjacent commit records the first is acknowledged: the second comes again', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key)');
  const one = await telling(db, { t: ['id'] });
  // What is remembered of the slot, and that it tells everything, is written once its gap was acknowledged.
  one.acknowledge();
  await remembered(db);
  const [a, b] = [await db.client(), await db.client()];
  for (const client of [a, b]) await client.query('set synchronous_commit = off');
  let ids: [number, number] = [0, 0];
  const pair = await until(
    async () => {
      ids = [ids[1] + 1, ids[1] + 2];
      const from = one.notes.commits.length;
      await adjacent(a, b, ids);
      await one.line(`t insert → ${ids[1]}`);
      await until(() => one.notes.commits.length >= from + 2, { what: 'both commits' });
      const [first, second] = one.notes.commits.slice(from) as [bigint, bigint];
      // A commit record here is 34 bytes and aligned to 8; with invalidations or a record in between it is more.
      return second - first <= 48n ? { first, second } : undefined;
    },
    { what: 'two adjacent commit records' },
  );
  one.capture.acknowledge(pair.first);
  await until(async () => (await confirmed(db)) === pair.first, { what: 'the acknowledgement' });
  await one.stop();
  const two = await telling(db, { t: ['id'] });
  await two.line(`t insert → ${ids[1]}`);
  expect(two.notes.gaps).toEqual([]);
  expect(fresh(two.notes)).toEqual([`t insert → ${ids[1]}`]);
});

test('a keepalive acknowledges nothing while anything is unfinished, and everything afterwards', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key); create table other (id int)');
  const { capture, notes, line, acknowledge } = await telling(db, { t: ['id'] });
  acknowledge();
  await db.sql('insert into t values (1)');
  await line('t insert → 1');
  const end = notes.commits.at(-1)!;
  await db.sql('insert into other select generate_series(1, 1000)');
  // The server has told us that it has sent all of this: were a keepalive to acknowledge, it would have by now.
  const [{ at }] = await db.sql('select clock_timestamp() as at');
  await until(() => (capture.toldUntil()?.getTime() ?? 0) > at.getTime(), { what: 'to be told of later' });
  expect(await confirmed(db)).toBeLessThan(end);
  acknowledge();
  await until(async () => (await confirmed(db)) > end, { what: 'the slot to move past the last change' });
});

test('an idle slot moves on while only others write', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key); create table other (id int)');
  const { acknowledge, notes, capture } = await telling(db, { t: ['id'] });
  acknowledge();
  const elsewhere = await freshDatabase();
  await elsewhere.sql('create table busy as select generate_series(1, 10000)');
  const lsn = await here(db);
  await until(async () => (await confirmed(db)) >= lsn, { what: 'the slot to move' });
  expect(notes.lines).toEqual([]);
  const [{ at }] = await db.sql('select clock_timestamp() as at');
  await until(() => (capture.toldUntil()?.getTime() ?? 0) > at.getTime(), {
    what: 'freshness without changes',
  });
});

test('a gap that was not acknowledged is told again; a slot that nobody remembers is made anew', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key)');
  const one = await telling(db, { t: ['id'] });
  expect(one.notes.gaps).toEqual(['the replication slot is new']);
  await one.stop();
  const [first] = await slots(db);
  const two = await telling(db, { t: ['id'] });
  expect(two.notes.gaps).toHaveLength(1);
  expect(await slots(db)).toHaveLength(1);
  expect((await slots(db))[0]!.name).not.toBe(first!.name);
  two.acknowledge();
  await remembered(db);
  await db.sql('insert into t values (1)');
  await two.line('t insert → 1');
  await two.stop();
  const three = await telling(db, { t: ['id'] });
  await three.line('t insert → 1');
  expect(three.notes.gaps).toEqual([]);
});

test('behind what can not be told nothing is told, so that it comes again', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key)');
  const one = await telling(db, { t: ['id'] });
  one.acknowledge();
  await remembered(db);
  const commits = one.notes.commits.length;
  const row = one.notes.row.bind(one.notes);
  one.notes.row = (...change) => {
    if (change[3]?.[0] === '2') throw new Error('a row that nobody can read');
    row(...change);
  };
  await db.sql('insert into t select generate_series(1, 5000)');
  await expect(one.capture.ended).rejects.toThrow('a row that nobody can read');
  expect(fresh(one.notes)).toEqual(['t insert → 1']);
  one.acknowledge();
  await one.stop();
  expect(one.notes.commits).toHaveLength(commits);
  const two = await telling(db, { t: ['id'] });
  await two.line('t insert → 5000');
  expect(fresh(two.notes).slice(0, 3)).toEqual(['t insert → 1', 't insert → 2', 't insert → 3']);
});

test('killed in the middle of a large transaction, it is told from its first row again', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key)');
  const one = await telling(db, { t: ['id'] });
  one.acknowledge();
  await remembered(db);
  let go = () => {};
  await db.sql('insert into t select generate_series(1, 50000)');
  one.notes.hold = new Promise<void>(resolve => (go = resolve));
  await one.line('t insert');
  await one.stop();
  go();
  expect(one.notes.open).toBe(true);
  const two = await telling(db, { t: ['id'] });
  await two.line('t insert → 50000');
  await until(() => !two.notes.open, { what: 'the commit' });
  expect(fresh(two.notes)).toHaveLength(50_000);
});

test('it waits while the sink is full, buffers nothing, and misses nothing', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key, fill text); alter table t replica identity full');
  const { notes, settle, capture } = await telling(db, { t: ['id'] });
  let go = () => {};
  notes.hold = new Promise<void>(resolve => (go = resolve));
  await db.sql(`insert into t select i, repeat('x', 500) from generate_series(1, 100000) i`);
  const stuck = await until(() => notes.lines.length, { what: 'the first rows' });
  // The server's socket is full: it waits for us.
  await until(
    async () =>
      (
        await db.sql(
          `select from pg_stat_activity where backend_type = 'walsender' and datname = current_database()
             and wait_event = 'WalSenderWriteData'`,
        )
      ).length === 1,
    { what: 'the server to wait' },
  );
  const few = notes.lines.length;
  expect(few).toBeGreaterThanOrEqual(stuck);
  expect(few).toBeLessThan(20_000);
  notes.hold = undefined;
  go();
  await settle();
  expect(fresh(notes)).toHaveLength(100_000);
  expect(capture.slot?.status).toBe('reserved');
});

async function remembered(db: FreshDatabase): Promise<void> {
  await until(
    async () => (await db.sql('select slot from evenkeel.capture where slot is not null')).length === 1,
    { what: 'the slot to be remembered' },
  );
}

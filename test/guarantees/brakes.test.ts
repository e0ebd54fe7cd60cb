/** What keeps Evenkeel from writing, whatever is declared: observe mode, the brake, a strange database, a newer version. */
import { expect, onTestFinished, test } from 'vitest';
import { readHome, settleHome } from '../../src/roster/home.ts';
import { pidOf, untilBlocked } from '../support/blocked.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { at, stageOn } from '../support/stage.ts';
import { until } from '../support/wait.ts';

const times = (n: number) => ({
  it: `-- evenkeel: should
-- says: b is ${n} times a
-- on: t
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select id, ${n} * a as b from t`,
});

/** Three rows; the second is wrong, whichever the factor. */
async function wrong(): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(
    `create table t (id int primary key, a int, b int); insert into t values (1, 0, 0), (2, 1, -1), (3, 0, 0)`,
  );
  return db;
}

const b = async (db: FreshDatabase): Promise<number> => (await db.sql('select b from t where id = 2'))[0].b;
const spoil = (db: FreshDatabase) => db.sql('update t set b = -1 where id = 2');
const listed = (db: FreshDatabase) => db.sql('select key, state from evenkeel.violation');
const entries = async (db: FreshDatabase) => (await db.sql('select from evenkeel.entry')).length;

test('EVENKEEL_MODE=observe finds, and writes nothing', async () => {
  const db = await wrong();
  const keel = keelOn(db, times(2), { EVENKEEL_MODE: 'observe', EVENKEEL_SWEEP_PAUSE: '0s' });
  await keel.once();
  expect([await b(db), await listed(db)]).toEqual([-1, [{ key: ['2'], state: 'open' }]]);
  const engine = await keel.engine();
  engine.start();
  const passes = async () => Number((await db.sql('select passes from evenkeel.invariant'))[0].passes);
  await until(async () => (await passes()) > 5, { what: 'five passes' });
  await engine.stop();
  expect([await b(db), await entries(db)]).toEqual([-1, 0]);
  // It was the mode that kept it from healing.
  await keelOn(db, times(2)).once();
  expect(await b(db)).toBe(2);
});

test('evenkeel.stop() waits for the heal in flight; then nothing commits until evenkeel.start()', async () => {
  const db = await wrong();
  const stage = await stageOn(db, times(2));
  await stage.sweep();
  const heal = await stage.healUntil(at.commit, 'it');
  const psql = await db.client();
  const pid = await pidOf(psql);
  let stopped = false;
  const stop = psql.query('select evenkeel.stop()').then(() => (stopped = true));
  expect(await untilBlocked(db.pool, pid)).toEqual([heal.pid]);
  expect(stopped).toBe(false);
  expect(await heal.go()).toMatchObject({ healed: 1 });
  await stop;
  expect(await b(db)).toBe(2);
  await spoil(db);
  await stage.sweep();
  expect(await listed(db)).toHaveLength(1);
  expect(await stage.heal('it')).toMatchObject({ claimed: 0 });
  await keelOn(db, times(2)).once();
  expect([await b(db), await entries(db)]).toEqual([-1, 1]);
  await db.sql('select evenkeel.start()');
  expect(await stage.heal('it')).toMatchObject({ healed: 1 });
  expect([await b(db), await entries(db)]).toEqual([2, 2]);
});

test('a heal that begins while stop() waits comes after it, and does nothing', async () => {
  const db = await wrong();
  await db.sql('insert into t values (4, 1, -1)');
  const stage = await stageOn(db, times(2));
  await stage.sweep();
  const heal = await stage.healUntil(at.commit, 'it', 1);
  const psql = await db.client();
  const pid = await pidOf(psql);
  const stop = psql.query('select evenkeel.stop()');
  await untilBlocked(db.pool, pid);
  expect(await stage.heal('it', 1)).toMatchObject({ healed: 0 });
  await heal.go();
  await stop;
  expect(await stage.heal('it', 1)).toMatchObject({ claimed: 0 });
  expect(await entries(db)).toBe(1);
});

test.each([
  ['on another host', `host = 'db.example.com:5432'`],
  ['renamed', `database = 'production'`],
  ['restored into another cluster', 'system_identifier = 7'],
])(
  'a ledger that finds itself %s only observes, and says so, until a person says resume',
  async (_, elsewhere) => {
    const db = await wrong();
    const keel = keelOn(db, times(2));
    await keel.once();
    await spoil(db);
    await db.sql(`update evenkeel.home set ${elsewhere}`);
    await keel.once();
    expect([await b(db), await entries(db)]).toEqual([-1, 1]);
    expect(await listed(db)).toEqual([{ key: ['2'], state: 'open' }]);
    expect(await db.sql('select kind, text from evenkeel.alert')).toEqual([
      { kind: 'clone', text: expect.stringContaining('evenkeel resume database') as string },
    ]);
    await settleHome(db.pool, await readHome(db.pool, db.url));
    await keel.once();
    expect([await b(db), await entries(db)]).toEqual([2, 2]);
  },
);

test('a database made from another by `create database … template` is a clone', async () => {
  const db = await wrong();
  await keelOn(db, times(2)).once();
  await spoil(db);
  const url = new URL(db.url);
  url.pathname = `${db.name.slice(0, 55)}_copy`;
  const copy = url.pathname.slice(1);
  await db.pool.end();
  const admin = await freshDatabase();
  await admin.sql(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1`, [
    db.name,
  ]);
  await admin.sql(`create database "${copy}" template "${db.name}"`);
  try {
    await keelOn({ url: url.href }, times(2)).once();
    await keelOn(db, times(2)).once();
    const client = await clientOf(url.href);
    const there = await client.query('select b from t where id = 2');
    await client.end();
    const original = await clientOf(db.url);
    const here = await original.query('select b from t where id = 2');
    await original.end();
    expect([there.rows, here.rows]).toEqual([[{ b: -1 }], [{ b: 2 }]]);
  } finally {
    await admin.sql(`drop database "${copy}" with (force)`);
  }
});

async function clientOf(url: string) {
  const { default: pg } = await import('pg');
  const client = new pg.Client(url);
  await client.connect();
  return client;
}

/** Everybody who told that they live does so still, however slow the machine. */
const alive = (db: FreshDatabase) => db.sql('update evenkeel.process set heartbeat_at = clock_timestamp()');

test('of two versions alive at once the newest definition heals and the other stands down', async () => {
  const db = await wrong();
  const older = await stageOn(db, times(2));
  await older.sweep();
  const newer = await stageOn(db, times(3));
  // Found under the older definition: no longer believed.
  expect(await listed(db)).toEqual([]);
  await alive(db);
  await newer.sweep();
  expect(await older.heal('it')).toMatchObject({ claimed: 0 });
  expect(await b(db)).toBe(-1);
  await alive(db);
  await older.sweep();
  expect(await db.sql('select says from evenkeel.invariant')).toEqual([{ says: 'b is 3 times a' }]);
  expect(await newer.heal('it')).toMatchObject({ healed: 1 });
  expect(await b(db)).toBe(3);
});

test('the older one comes back when the newer process is gone: rolling back works', async () => {
  const db = await wrong();
  await stageOn(db, times(2));
  await stageOn(db, times(3));
  await alive(db);
  await keelOn(db, times(2)).once();
  expect(await b(db)).toBe(-1);
  await db.sql(`update evenkeel.process set heartbeat_at = clock_timestamp() - interval '11 seconds'`);
  await keelOn(db, times(2)).once();
  expect(await b(db)).toBe(2);
  expect(await db.sql('select says from evenkeel.invariant')).toEqual([{ says: 'b is 2 times a' }]);
});

test('a newer definition waits for the heal in flight, and none under the older one commits after it', async () => {
  const db = await wrong();
  const older = await stageOn(db, times(2));
  await older.sweep();
  const heal = await older.healUntil(at.commit, 'it');
  const newer = stageOn(db, times(3));
  const waiting = `select from pg_locks where locktype = 'advisory' and classid = 4526 and not granted
    and database = (select oid from pg_database where datname = current_database())`;
  await until(async () => (await db.sql(waiting)).length > 0, { what: 'the newer version to wait' });
  await heal.go();
  expect(await b(db)).toBe(2);
  await (await newer).sweep();
  expect(await older.heal('it')).toMatchObject({ claimed: 0 });
  expect(await (await newer).heal('it')).toMatchObject({ healed: 1 });
  expect(await b(db)).toBe(3);
});

test('the newer version leads: the older one knows nothing of the newer wordings', async () => {
  const db = await wrong();
  const older = await keelOn(db, times(2)).engine();
  older.start();
  const newer = await keelOn(db, times(3)).engine();
  onTestFinished(() => Promise.all([older.stop(), newer.stop()]).then(() => undefined));
  await until(async () => (await db.sql('select from evenkeel.lease')).length > 0, {
    what: 'the older to lead',
  });
  newer.start();
  await until(
    async () => (await db.sql('select from evenkeel.invariant where proved_at is not null')).length > 0,
    {
      what: 'the newer wording to be swept',
    },
  );
  expect(await db.sql('select says from evenkeel.invariant')).toEqual([{ says: 'b is 3 times a' }]);
});

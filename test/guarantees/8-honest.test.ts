/**
 * You know how sure you are: since when every row was looked at, how many were found, and what could not be asked. What
 * `status` prints comes from `overview`.
 */
import { expect, test } from 'vitest';
import { isFine, overview } from '../../src/find/overview.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';

const doubled = (mode: string, query = 'select id, 2 * a as b from t') => ({
  doubled: `-- evenkeel: should
-- says: b is twice a
-- on: t
-- heal: set
-- mode: ${mode}
-- guard: none
-- grace: 0s
${query}`,
});

async function tableOf(rows: number, wrong: number): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int not null, b int not null);
    insert into t select g, g, case when g <= ${wrong} then -1 else 2 * g end from generate_series(1, ${rows}) g;
    analyze t`);
  return db;
}

const status = async (db: FreshDatabase, name = 'doubled') => {
  const { invariants } = await overview(db.pool, name);
  return invariants[0]!;
};
const clock = async (db: FreshDatabase): Promise<Date> =>
  (await db.sql('select clock_timestamp() as at'))[0].at;

test('nothing is proved before every row was looked at; then it is since the pass began', async () => {
  const db = await tableOf(100, 0);
  const keel = keelOn(db, doubled('heal'));
  const engine = await keel.engine();
  expect(await status(db)).toMatchObject({
    state: 'looking',
    provedAt: null,
    sweep: { passes: 0, found: null },
  });
  expect(isFine(await status(db))).toBe(true);
  const before = await clock(db);
  await engine.once();
  const { provedAt, state, sweep } = await status(db);
  expect(state).toBe('healing');
  expect(sweep).toMatchObject({ passes: 1, found: 0, running: null });
  expect(provedAt!.getTime()).toBeGreaterThanOrEqual(before.getTime());
  // The start of the pass, not its end: what changed while it ran may not have been seen.
  expect(Date.now() - provedAt!.getTime()).toBeGreaterThanOrEqual(Math.floor(sweep.lastPassMs!));
});

test('found, open, healed and written are what happened', async () => {
  const db = await tableOf(100, 3);
  await keelOn(db, doubled('observe')).once();
  expect(await status(db)).toMatchObject({
    state: 'observing',
    open: 3,
    sweep: { found: 3 },
    hour: { opened: 3, healed: 0, written: 0 },
  });
  expect(isFine(await status(db))).toBe(false);
  await db.sql('update t set b = 2 * a where id = 1');
  await keelOn(db, doubled('heal')).once();
  expect(await status(db)).toMatchObject({
    state: 'healing',
    open: 0,
    // Before it healed them.
    sweep: { found: 2 },
    hour: { healed: 2, written: 2 },
  });
  await keelOn(db, doubled('heal')).once();
  expect((await status(db)).sweep).toMatchObject({ found: 0 });
});

test('what is not listed for its number is counted all the same', async () => {
  const db = await tableOf(10_500, 10_500);
  await keelOn(db, doubled('observe')).once();
  const { open, sweep } = await status(db);
  expect(sweep.found).toBe(10_500);
  expect(open).toBeLessThanOrEqual(10_500);
  expect(open).toBeGreaterThanOrEqual(10_000);
});

test('one that can’t be asked says so, proves nothing more, and is no longer called fine', async () => {
  const db = await tableOf(100, 0);
  const keel = keelOn(
    db,
    doubled('heal', 'select id, case when a > 100 then 1 / (a - a) else 2 * a end as b from t'),
  );
  await keel.once();
  const { provedAt } = await status(db);
  await db.sql('insert into t values (101, 101, 0)');
  await keel.once();
  const now = await status(db);
  expect(now).toMatchObject({
    state: 'failed',
    why: expect.stringContaining('division by zero') as string,
    provedAt,
  });
  expect(isFine(now)).toBe(false);
  await db.sql('delete from t where id = 101');
  await keel.once();
  const then = await status(db);
  expect(then.state).toBe('healing');
  expect(then.provedAt!.getTime()).toBeGreaterThan(provedAt!.getTime());
});

test('one that never met its table is listed, too', async () => {
  const db = await tableOf(10, 0);
  const lost = doubled('heal').doubled.replace('-- on: t', '-- on: tt');
  await keelOn(db, { ...doubled('heal'), lost }).once();
  expect(await status(db, 'lost')).toMatchObject({ state: 'failed', provedAt: null, sweep: { passes: 0 } });
  expect((await overview(db.pool)).invariants.map(({ name, state }) => [name, state])).toEqual([
    ['doubled', 'healing'],
    ['lost', 'failed'],
  ]);
});

test('a new wording has proved nothing', async () => {
  const db = await tableOf(10, 0);
  await keelOn(db, doubled('heal')).once();
  await keelOn(db, doubled('heal', 'select id, 2 * a + 0 as b from t'))
    .engine()
    .then(engine => engine.stop());
  expect(await status(db)).toMatchObject({
    state: 'looking',
    provedAt: null,
    sweep: { passes: 0, found: null },
  });
});

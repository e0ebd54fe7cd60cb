/**
 * A heal stays inside its guard, and a flood means a wrong invariant or a bad deploy, not wrong data: past either the
 * invariant observes, and a person is told. Held up by heal/guard.ts and find/flood.ts.
 */
import { expect, test } from 'vitest';
import { approve, resumeInvariant } from '../../src/find/decide.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { at, makeDue, stageOn } from '../support/stage.ts';

const doubled = (rest: string) => ({
  doubled: `-- evenkeel: should
-- says: b is twice a
-- on: t
-- heal: set
-- grace: 0s
${rest}
select id, 2 * a as b from t`,
});
const healing = (guard: string) => doubled(`-- mode: heal\n-- guard: ${guard}`);

/** `wrong` of `rows` rows are wrong. */
async function tableOf(rows: number, wrong: number): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int not null, b int not null);
    insert into t select g, g, case when g <= ${wrong} then -1 else 2 * g end from generate_series(1, ${rows}) g;
    analyze t`);
  return db;
}

const wrongRows = async (db: FreshDatabase) => (await db.sql('select from t where b <> 2 * a')).length;
const entries = async (db: FreshDatabase) => (await db.sql('select from evenkeel.entry')).length;
const held = (db: FreshDatabase) =>
  db.sql('select held_at is not null as held, held_why as why from evenkeel.invariant');
const alerts = (db: FreshDatabase) => db.sql('select kind, text from evenkeel.alert order by id');

test('N rows an hour are healed, then the invariant is held and a person told; resume gives a fresh budget', async () => {
  const db = await tableOf(200, 12);
  const stage = await stageOn(db, healing('5/hour'));
  await stage.sweep();
  const healAll = async () => {
    for (let i = 0; i < 4; i++) {
      await stage.heal('doubled');
      await makeDue(db);
    }
  };
  await healAll();
  expect([await wrongRows(db), await entries(db)]).toEqual([7, 5]);
  const why = 'its guard of 5/hour is used up';
  expect(await held(db)).toEqual([{ held: true, why }]);
  expect(await alerts(db)).toEqual([{ kind: 'held', text: `doubled is held: ${why}` }]);
  expect(await resumeInvariant(db.pool, 'doubled', 'ann')).toBe(true);
  await healAll();
  expect([await wrongRows(db), await entries(db)]).toEqual([2, 10]);
  expect(await held(db)).toEqual([{ held: true, why }]);
  // An hour later the budget is there again; but held is held until a person says otherwise.
  await db.sql(`update evenkeel.pulse set minute = minute - interval '2 hours'`);
  await healAll();
  expect(await wrongRows(db)).toBe(2);
});

test('two workers share one budget', async () => {
  const db = await tableOf(200, 12);
  const stage = await stageOn(db, healing('5/hour'));
  await stage.sweep();
  const first = await stage.healUntil(at.journal, 'doubled', 4);
  expect(await stage.heal('doubled', 4)).toMatchObject({ healed: 0, collided: true });
  expect(await first.go()).toMatchObject({ healed: 4 });
  await makeDue(db);
  expect(await stage.heal('doubled', 4)).toMatchObject({ healed: 1 });
  expect(await wrongRows(db)).toBe(7);
});

test('rows that a cascade writes count, and a heal that would write too many writes none', async () => {
  const db = await freshDatabase();
  await db.sql(`create table topics (id int primary key, gone bool);
    create table posts (id int primary key, topic_id int references topics on delete cascade);
    create index on posts (topic_id);
    insert into topics values (1, true), (2, true);
    insert into posts select g, case when g = 1 then 1 else 2 end from generate_series(1, 9) g; analyze`);
  const stage = await stageOn(db, {
    gone: `-- evenkeel: broken
-- says: Topics that are gone are removed
-- on: topics
-- heal: remove
-- mode: heal
-- guard: 4/hour
-- touches: posts
-- grace: 0s
select id from topics where gone`,
  });
  await stage.sweep();
  for (let i = 0; i < 5; i++) {
    await stage.heal('gone', 1);
    await makeDue(db);
  }
  expect(
    await db.sql('select count(*)::int as topics, (select count(*)::int from posts) as posts from topics'),
  ).toEqual([{ topics: 1, posts: 8 }]);
  expect(await db.sql('select sum(written)::int as written from evenkeel.pulse')).toEqual([{ written: 2 }]);
  expect(await held(db)).toEqual([
    { held: true, why: expect.stringContaining('more than is left of 4/hour') as string },
  ]);
});

test('a wrong invariant that flags a third of a table is held with nothing written', async () => {
  const db = await tableOf(300, 100);
  const keel = keelOn(db, healing('100000/hour'));
  await keel.once();
  await makeDue(db);
  await keel.once();
  expect([await wrongRows(db), await entries(db)]).toEqual([100, 0]);
  const why = '100 rows became broken within ten minutes, more than 20 (1 % of the table)';
  expect(await held(db)).toEqual([{ held: true, why }]);
  expect(await alerts(db)).toEqual([{ kind: 'held', text: `doubled is held: ${why}` }]);
  // Shown all the same, for the person who decides.
  expect(await db.sql('select from evenkeel.violation')).toHaveLength(100);
});

test('a flood that begins while others were healed is held, too', async () => {
  const db = await tableOf(300, 3);
  const keel = keelOn(db, healing('100000/hour'));
  await keel.once();
  expect([await wrongRows(db), await entries(db)]).toEqual([0, 3]);
  await db.sql('update t set b = -1 where id > 200');
  await keel.once();
  expect([await wrongRows(db), await entries(db)]).toEqual([100, 3]);
});

test('one in a hundred of a large table is no flood', async () => {
  const db = await tableOf(5_000, 40);
  await keelOn(db, healing('100/hour')).once();
  expect([await wrongRows(db), await alerts(db)]).toEqual([0, []]);
});

test('what resume let through is not held for the same rows again', async () => {
  const db = await tableOf(300, 100);
  const keel = keelOn(db, healing('100000/hour'));
  await keel.once();
  await resumeInvariant(db.pool, 'doubled', 'ann');
  await keel.once();
  expect([await wrongRows(db), await entries(db)]).toEqual([0, 100]);
});

test('guard: none heals a flood, where a person means it', async () => {
  const db = await tableOf(300, 100);
  await keelOn(db, healing('none')).once();
  expect([await wrongRows(db), await entries(db), await alerts(db)]).toEqual([0, 100, []]);
});

test.each(['observe', 'held'])(
  'approve heals one row of an invariant that observes (%s), and no other',
  async how => {
    const db = await tableOf(300, 30);
    const keel = keelOn(db, how === 'held' ? healing('100/hour') : doubled('-- mode: observe'));
    await keel.once();
    expect(await entries(db)).toBe(0);
    const [row] = await db.sql(`select id from evenkeel.violation where key = '{7}'`);
    expect(await approve(db.pool, [row.id], 'ann')).toMatchObject({
      approved: [{ key: ['7'] }],
      refused: [],
    });
    await keel.once();
    expect(await db.sql('select key, decided_by from evenkeel.entry')).toEqual([
      { key: ['7'], decided_by: 'ann' },
    ]);
    expect(await wrongRows(db)).toBe(29);
  },
);

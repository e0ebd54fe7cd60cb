/**
 * Trap 5. A row that is missing can't be locked: application and heal both insert it.
 *
 * Held up by ask/bind.ts (an insert needs a unique index over its key), heal/write.ts (ON CONFLICT DO NOTHING), heal/apply.ts
 * (a row that somebody else added is theirs: nothing is journaled), heal/heal.ts (the governed row of an appended
 * compensation is locked before the look), and by the grace period, for the application's own after-commit job.
 */
import { expect, test } from 'vitest';
import { untilBlocked } from '../support/blocked.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { at, makeDue, stageOn } from '../support/stage.ts';

const mirror = (grace = '0s') => `-- evenkeel: should
-- says: Every user has a profile
-- on: profiles
-- key: user_id
-- heal: set; insert
-- mode: heal
-- grace: ${grace}
select id as user_id, name from users`;

async function users(unique = 'unique'): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`
    create table users (id int primary key, name text not null);
    create table profiles (id int generated always as identity primary key, user_id int not null ${unique},
      name text not null, bio text);
    insert into users values (1, 'Ada')`);
  return db;
}

const profiles = (db: FreshDatabase) => db.sql('select user_id, name, bio from profiles');
const written = (db: FreshDatabase) => db.sql('select action from evenkeel.entry');
const fromTheApp = `insert into profiles (user_id, name, bio) values (1, 'Ada', 'by the app')`;
const theirs = [{ user_id: 1, name: 'Ada', bio: 'by the app' }];

test('a row that the application commits between look and insert stays theirs, and is not journaled', async () => {
  const db = await users();
  const stage = await stageOn(db, { mirror: mirror() });
  await stage.sweep();
  const heal = await stage.healUntil(at.insert, 'mirror');
  await db.sql(fromTheApp);
  expect(await heal.go()).toMatchObject({ healed: 0, written: 0 });
  expect(await profiles(db)).toEqual(theirs);
  expect(await written(db)).toEqual([]);
  await makeDue(db);
  expect(await stage.heal('mirror')).toMatchObject({ healed: 0, written: 0 });
  expect(await db.sql('select from evenkeel.violation')).toEqual([]);
});

test('one that it has not committed yet makes the heal give way, and the application wait for nothing', async () => {
  const db = await users();
  const stage = await stageOn(db, { mirror: mirror() });
  await stage.sweep();
  const app = await db.client();
  await app.query('begin');
  await app.query(fromTheApp);
  expect(await stage.heal('mirror')).toMatchObject({ healed: 0, collided: true });
  await app.query('commit');
  expect(await profiles(db)).toEqual(theirs);
  expect(await written(db)).toEqual([]);
});

test('the application’s own job has the grace period to itself', async () => {
  const db = await users();
  const stage = await stageOn(db, { mirror: mirror('1h') });
  await stage.sweep();
  expect(
    await db.sql(`select due_at > now() + interval '59 minutes' as later from evenkeel.violation`),
  ).toEqual([{ later: true }]);
  expect(await stage.heal('mirror')).toMatchObject({ claimed: 0 });
  await db.sql(fromTheApp);
  await stage.sweep();
  expect(await db.sql('select from evenkeel.violation')).toEqual([]);
  expect(await written(db)).toEqual([]);
});

test('what looks different at the end of its grace is given another one', async () => {
  const db = await users();
  const stage = await stageOn(db, { mirror: mirror('1h') });
  await stage.sweep();
  await makeDue(db);
  await db.sql(`update users set name = 'Ada Lovelace'`);
  expect(await stage.heal('mirror')).toMatchObject({ claimed: 1, healed: 0 });
  expect(
    await db.sql(`select wanted, due_at > now() + interval '59 minutes' as later from evenkeel.violation`),
  ).toEqual([{ wanted: { name: 'Ada Lovelace' }, later: true }]);
  await makeDue(db);
  expect(await stage.heal('mirror')).toMatchObject({ healed: 1 });
});

test('an insert whose key no unique index holds is refused', async () => {
  const db = await users('');
  const stage = await stageOn(db, { mirror: mirror() });
  expect(() => stage.bound('mirror')).toThrow(expect.objectContaining({ code: 'key-not-unique' }));
});

const compensation = `-- evenkeel: broken
-- says: A payment is booked
-- on: payments
-- heal: insert bookings(payment_id, amount)
-- mode: heal
-- grace: 0s
select id, id as payment_id, amount from payments p where not exists (select from bookings where payment_id = p.id)`;

test('a compensation is appended once: who looks holds the governed row', async () => {
  const db = await freshDatabase();
  await db.sql(`
    create table payments (id int primary key, amount numeric(10,2) not null);
    create table bookings (id int generated always as identity primary key, payment_id int not null, amount numeric(10,2));
    create index on bookings (payment_id);
    insert into payments values (1, 9.90)`);
  const stage = await stageOn(db, { compensation });
  await stage.sweep();
  // The application books under the payment's lock, too; the heal comes while it does.
  const app = await db.client();
  await app.query('begin');
  await app.query('select from payments where id = 1 for update');
  await app.query('insert into bookings (payment_id, amount) values (1, 9.90)');
  expect(await stage.heal('compensation')).toMatchObject({ healed: 0, written: 0 });
  await app.query('rollback');
  await makeDue(db);
  // And the other way round.
  const heal = await stage.healUntil(at.commit, 'compensation');
  const pid = (await app.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
  await app.query('begin');
  const lock = app.query('select from payments where id = 1 for update');
  expect(await untilBlocked(db.pool, pid)).toEqual([heal.pid]);
  await heal.go();
  await lock;
  expect((await app.query('select from bookings where payment_id = 1')).rowCount).toBe(1);
  await app.query('rollback');
  expect(await db.sql('select payment_id, amount from bookings')).toEqual([
    { payment_id: 1, amount: '9.90' },
  ]);
  expect(await db.sql(`select action, after from evenkeel.entry`)).toEqual([
    { action: 'append', after: { payment_id: '1', amount: '9.90' } },
  ]);
});

/**
 * Trap 2. Two heals demote two admins; each sees the other's still there; both commit; no admin is left.
 *
 * Held up by `lockTouched` (heal/crosscheck.ts): whoever asks another invariant of a key holds a lock on that key until
 * commit, and asks after it got the lock.
 * They are stopped before the journal: later on other locks, of the guard and of counters, would keep them apart by chance.
 */
import { expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { at, makeDue, stageOn } from '../support/stage.ts';

const files = {
  'stale-admins': `-- evenkeel: broken
-- says: Whoever left is no admin
-- on: members
-- heal: set role
-- mode: heal
-- guard: none
-- grace: 0s
select id, 'member' as role from members where role = 'admin' and gone`,
  'team-has-admin': `-- evenkeel: broken
-- says: Every team has an admin
-- on: teams
select t.id from teams t where not exists (select from members m where m.team_id = t.id and m.role = 'admin')`,
};

/** `teams` teams of two admins each, of whom both have left. */
async function company(teams = 1): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`
    create table teams (id int primary key);
    create table members (id int primary key, team_id int not null references teams, role text, gone bool);
    create index on members (team_id);
    insert into teams select generate_series(1, ${teams});
    insert into members select 2 * t + n - 2, t, 'admin', true from generate_series(1, ${teams}) t, generate_series(1, 2) n;
    analyze`);
  return db;
}

const teamsWithout = (db: FreshDatabase) =>
  db.sql(
    `select t.id from teams t where not exists (select from members where team_id = t.id and role = 'admin')`,
  );

const parked = (db: FreshDatabase) =>
  db.sql(`select invariant, key, state, reason from evenkeel.violation where state = 'parked'`);

test('of two heals that together break a third invariant one waits, looks, and is parked', async () => {
  const db = await company();
  const stage = await stageOn(db, files);
  await stage.sweep();
  const first = await stage.healUntil(at.journal, 'stale-admins', 1);
  // The other admin. It can't ask about the team while the first may still roll back, and gives way.
  expect(await stage.heal('stale-admins', 1)).toMatchObject({ healed: 0, collided: true });
  expect(await first.go()).toMatchObject({ healed: 1 });
  for (const healed of [0, 0]) {
    await makeDue(db);
    expect(await stage.heal('stale-admins', 1)).toMatchObject({ healed });
  }
  expect(await teamsWithout(db)).toEqual([]);
  expect(await parked(db)).toMatchObject([
    { invariant: 'stale-admins', reason: 'it would break team-has-admin' },
  ]);
});

test('it may ask as soon as the other has rolled back', async () => {
  const db = await company();
  const stage = await stageOn(db, files);
  await stage.sweep();
  const first = await stage.healUntil(at.journal, 'stale-admins', 1);
  await db.sql('select pg_terminate_backend($1, 10000)', [first.pid]);
  await expect(first.go()).rejects.toThrow();
  expect(await stage.heal('stale-admins', 1)).toMatchObject({ healed: 1 });
  expect(await teamsWithout(db)).toEqual([]);
});

test('a batch of many keys locks the third invariant as a whole, against small ones too', async () => {
  const db = await company(40);
  await db.sql('update members set gone = false where id % 2 = 0');
  const stage = await stageOn(db, files);
  await stage.sweep();
  const first = await stage.healUntil(at.journal, 'stale-admins', 40);
  // Now the other admin of a team leaves, too.
  await db.sql('update members set gone = true where id = 40');
  await stage.sweep();
  expect(await stage.heal('stale-admins', 1)).toMatchObject({ healed: 0, collided: true });
  expect(await first.go()).toMatchObject({ healed: 40 });
  for (const healed of [0, 0]) {
    await makeDue(db);
    expect(await stage.heal('stale-admins', 1)).toMatchObject({ healed });
  }
  expect(await teamsWithout(db)).toEqual([]);
  expect(await parked(db)).toMatchObject([{ key: ['40'] }]);
});

test('in one batch, too, one of the two stays', async () => {
  const db = await company(3);
  const stage = await stageOn(db, files);
  await stage.sweep();
  for (let round = 0; round < 2; round++) {
    await stage.heal('stale-admins');
    await makeDue(db);
  }
  expect(await teamsWithout(db)).toEqual([]);
  expect(await parked(db)).toHaveLength(3);
});

async function twins() {
  const db = await freshDatabase();
  await db.sql(`
    create table lamps (id int primary key, twin int not null, lit bool not null);
    create index on lamps (twin);
    insert into lamps values (1, 2, true), (2, 1, true)`);
  const stage = await stageOn(db, {
    twins: `-- evenkeel: broken
-- says: One of two twins is lit
-- on: lamps
-- heal: set lit
-- mode: heal
-- guard: none
-- grace: 0s
select a.id, not a.lit as lit from lamps a join lamps b on b.id = a.twin where a.lit = b.lit`,
  });
  await stage.sweep();
  return { db, stage };
}

test('two heals of one invariant that touch each other’s rows take turns', async () => {
  const { db, stage } = await twins();
  const first = await stage.healUntil(at.journal, 'twins', 1);
  expect(await stage.heal('twins', 1)).toMatchObject({ healed: 0, collided: true });
  await first.go();
  await makeDue(db);
  expect(await stage.heal('twins', 1)).toMatchObject({ healed: 0 });
  expect(await db.sql('select from lamps where lit')).toHaveLength(1);
  expect(await db.sql('select from evenkeel.entry')).toHaveLength(1);
});

test('and what came before its turn is verified again', async () => {
  const { db, stage } = await twins();
  const first = await stage.healUntil(at.crosscheck, 'twins', 1);
  expect(await stage.heal('twins', 1)).toMatchObject({ healed: 1 });
  expect(await first.go()).toMatchObject({ healed: 0, collided: false });
  expect(await db.sql('select from lamps where lit')).toHaveLength(1);
  expect(await db.sql('select from evenkeel.entry')).toHaveLength(1);
});

/** What `check` can prove to be wrong doesn't heal; what it can't prove keeps nothing from healing. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { createLog } from '../../src/log.ts';
import { Refusals } from '../../src/roster/refusals.ts';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { evenkeel, folder } from '../cli/run.ts';

const heal = (sql: string, columns = 'plan') =>
  `-- evenkeel: broken\n-- says: A case\n-- on: accounts\n-- heal: set ${columns}\n-- mode: heal\n-- grace: 0s\n${sql}`;
const table = `create table accounts (id int primary key, plan text not null check (plan in ('free', 'pro')), seats int not null, note text);
  insert into accounts values (1, 'free', 20, null), (2, 'pro', 20, 'old')`;
const up = heal("select id, 'pro' as plan from accounts where plan = 'free' and seats > 10");
const down = heal("select id, 'free' as plan from accounts where plan = 'pro' and seats > 10");
const note = heal("select id, null::text as note from accounts where note = 'old'", 'note');
const kept = async (db: { sql: (text: string) => Promise<Record<string, string>[]> }) =>
  (await db.sql('select plan, note from accounts order by id')).map(({ plan, note }) => `${plan} ${note}`);

test('heals that undo each other stay in observe, and say so in the ledger, the log and status; others heal', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  const cwd = await folder({ 'up.sql': up, 'down.sql': down, 'note.sql': note });
  const ran = await evenkeel({ url: db.url, cwd }, 'up', '--once');
  expect(ran.code).toBe(1);
  expect(ran.stderr).toMatch(/up only observes: EK403 oscillation: the heals of down and up undo each other/);
  expect(await kept(db)).toEqual(['free null', 'pro null']);
  expect(
    await db.sql(
      'select name, mode, refused_why is not null as refused from evenkeel.invariant order by name',
    ),
  ).toEqual([
    { name: 'down', mode: 'observe', refused: true },
    { name: 'note', mode: 'heal', refused: false },
    { name: 'up', mode: 'observe', refused: true },
  ]);
  const status = await evenkeel({ url: db.url, cwd }, 'status');
  expect(status.stdout.replaceAll(/\s+/g, ' ')).toContain(
    'up: observing: EK403 oscillation: the heals of down and up undo each other; `evenkeel check up` says more',
  );
});

test('once the error is gone it heals again: by another wording, by what the schema allows, or by a reason in the file', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  const refused = heal("select id, 'gold' as plan from accounts where plan = 'free'");
  await keelOn(db, { it: refused }).once();
  expect(await db.sql('select mode, refused_why from evenkeel.invariant')).toEqual([
    { mode: 'observe', refused_why: expect.stringMatching(/^EK401 heal-rejected: /) },
  ]);
  await db.sql(`alter table accounts drop constraint accounts_plan_check`);
  await keelOn(db, { it: refused }).once();
  expect(await db.sql('select mode, refused_why from evenkeel.invariant')).toEqual([
    { mode: 'heal', refused_why: null },
  ]);
  expect(await kept(db)).toEqual(['gold null', 'pro old']);
  const reason = '\n-- evenkeel: ignore EK403 tried in this test\n';
  await db.sql(`update accounts set plan = 'free' where id = 1`);
  await keelOn(db, { up: up.replace('where', `${reason} where`), down }).once();
  expect(
    await db.sql('select distinct mode, refused_why from evenkeel.invariant where retired_at is null'),
  ).toEqual([{ mode: 'heal', refused_why: null }]);
});

test('what only observes keeps no other from healing', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  await keelOn(db, { up, down: down.replace('mode: heal', 'mode: observe') }).once();
  expect(await db.sql('select name, mode, refused_why from evenkeel.invariant order by name')).toEqual([
    { name: 'down', mode: 'observe', refused_why: null },
    { name: 'up', mode: 'heal', refused_why: null },
  ]);
});

const gold = heal("select id, 'gold' as plan from accounts where plan = 'free'");

test('a wording that is refused never comes into force as one that heals', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  await keelOn(db, { it: note }).once();
  await db.sql(`create table seen (mode text);
    create function see() returns trigger language plpgsql as 'begin insert into public.seen values (new.mode); return null; end';
    create trigger see after update on evenkeel.invariant for each row when (new.hash <> old.hash or new.mode <> old.mode)
      execute function see()`);
  await keelOn(db, { it: gold }).once();
  expect(await db.sql('select mode from seen')).toEqual([{ mode: 'observe' }]);
});

test('a reason is asked about again each minute, and goes with its cause once there was time to see that', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  const engine = await keelOn(db, { it: gold }).engine();
  onTestFinished(() => engine.stop());
  const refusals = new Refusals(db.pool, createLog('quiet'));
  const bounds = engine.bindings.all;
  const standing = async () => (await db.sql('select mode from evenkeel.invariant'))[0].mode as string;
  await refusals.settle(bounds);
  await db.sql('alter table accounts drop constraint accounts_plan_check');
  await refusals.settle(bounds);
  expect(await standing()).toBe('observe');
  const now = performance.now.bind(performance);
  const clock = vi.spyOn(performance, 'now');
  let ahead = 61_000;
  onTestFinished(() => clock.mockRestore());
  // There is no time left at once: what was found before stands.
  clock.mockImplementation(() => now() + (ahead += 11_000));
  await refusals.settle(bounds);
  expect(await standing()).toBe('observe');
  ahead += 61_000;
  clock.mockImplementation(() => now() + ahead);
  await refusals.settle(bounds);
  expect(await standing()).toBe('heal');
});

test('what can not be asked in time keeps nothing from healing', async () => {
  const db = await freshDatabase();
  await db.sql(`${table}; create function slow(text) returns boolean immutable language plpgsql as
    'begin perform pg_sleep(0.4); return $1 is not null; end';
    create table slow (id int primary key, a text, b text check (slow(b)), c text);
    insert into slow values (1, 'x', 'b', 'c')`);
  const slow = `-- evenkeel: broken\n-- says: A case\n-- on: slow\n-- heal: set a\n-- mode: heal\n-- grace: 0s\nselect id, 'y' as a from slow where a = 'x' and b <> 'z'`;
  const started = performance.now();
  await keelOn(db, { slow, note }).once();
  expect(performance.now() - started).toBeLessThan(25_000);
  expect(await db.sql('select a from slow')).toEqual([{ a: 'y' }]);
  expect(await kept(db)).toEqual(['free null', 'pro null']);
});

/**
 * Trap 3. What a write sets off escapes RETURNING: deferred triggers run after verification, AFTER triggers change the
 * written row, policies hide it, cascades and triggers write other tables.
 *
 * Held up by heal/heal.ts `write` (set constraints all immediate → read again → count → verify), heal/effects.ts
 * (pg_stat_xact before and after) and db/pool.ts (row_security off).
 */
import { expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { makeDue, stageOn } from '../support/stage.ts';

const stuck = (more = '') => `-- evenkeel: broken
-- says: No job stays stuck
-- on: jobs
-- heal: set status
-- mode: heal
-- grace: 0s
${more}select id, 'failed' as status from jobs where status = 'stuck'`;

const removal = (more = '') => `-- evenkeel: broken
-- says: Carts that expired are gone
-- on: carts
-- heal: remove
-- mode: heal
-- grace: 0s
${more}select id from carts where expired`;

async function jobs(more: string): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`create table jobs (id int primary key, status text not null, note text);
    create table audit (id int generated always as identity primary key, job_id int, said text);
    insert into jobs values (1, 'stuck', null), (2, 'done', null);
    ${more}`);
  return db;
}

/** Runs `body` as a trigger function. */
const trigger = (name: string, when: string, body: string) => `
  create function ${name}() returns trigger language plpgsql as $$ begin ${body} return null; end $$;
  create ${when} execute function ${name}();`;

const entries = (db: FreshDatabase) =>
  db.sql(`select action, table_name, key, before, after from evenkeel.entry order by id`);
const ledger = (db: FreshDatabase) => db.sql(`select state, reason from evenkeel.violation`);

test('a deferred trigger that breaks the row again runs before verification', async () => {
  const db = await jobs(
    trigger(
      'again',
      'constraint trigger again after update on jobs deferrable initially deferred for each row when (pg_trigger_depth() = 0)',
      `update jobs set status = 'stuck' where id = new.id;`,
    ),
  );
  const stage = await stageOn(db, { stuck: stuck('-- touches: jobs\n') });
  await stage.sweep();
  expect(await stage.heal('stuck')).toMatchObject({ healed: 0, written: 0 });
  expect(await db.sql('select status from jobs order by id')).toEqual([
    { status: 'stuck' },
    { status: 'done' },
  ]);
  expect(await entries(db)).toEqual([]);
  expect(await ledger(db)).toEqual([{ state: 'open', reason: 'it is still broken after the write' }]);
});

test('a deferred constraint that refuses the write costs only the rows that it refuses', async () => {
  const db = await jobs(
    `insert into jobs values (3, 'stuck', null);
    ${trigger(
      'refuse',
      'constraint trigger refuse after update on jobs deferrable initially deferred for each row when (new.id = 1)',
      `raise exception 'job 1 is sacred';`,
    )}`,
  );
  const stage = await stageOn(db, { stuck: stuck() });
  await stage.sweep();
  expect(await stage.heal('stuck')).toMatchObject({ healed: 1, written: 1 });
  expect(await db.sql(`select id from jobs where status = 'failed'`)).toEqual([{ id: 3 }]);
  expect(await ledger(db)).toEqual([{ state: 'open', reason: 'job 1 is sacred (P0001)' }]);
});

test('the journal holds what an AFTER trigger made of the row, not what was sent', async () => {
  const db = await jobs(
    trigger(
      'shout',
      'trigger shout after update on jobs for each row when (pg_trigger_depth() = 0)',
      'update jobs set status = upper(new.status) where id = new.id;',
    ),
  );
  const stage = await stageOn(db, { stuck: stuck('-- touches: jobs\n') });
  await stage.sweep();
  expect(await stage.heal('stuck')).toMatchObject({ healed: 1 });
  expect((await entries(db))[0]).toMatchObject({ before: { status: 'stuck' }, after: { status: 'FAILED' } });
});

test('a BEFORE trigger that swallows the write makes no heal', async () => {
  const db = await jobs(trigger('swallow', 'trigger swallow before update on jobs for each row', ''));
  const stage = await stageOn(db, { stuck: stuck() });
  await stage.sweep();
  expect(await stage.heal('stuck')).toMatchObject({ healed: 0, written: 0 });
  expect(await entries(db)).toEqual([]);
  expect(await ledger(db)).toEqual([{ state: 'open', reason: 'it is still broken after the write' }]);
});

const audited = trigger(
  'log',
  'trigger log after update on jobs for each row',
  'insert into audit (job_id, said) values (new.id, new.status);',
);

test('a table that a trigger writes undeclared rolls the heal back, and is named', async () => {
  const db = await jobs(audited);
  const stage = await stageOn(db, { stuck: stuck() });
  await stage.sweep();
  expect(await stage.heal('stuck')).toMatchObject({ healed: 0, written: 0 });
  expect(await db.sql('select from audit')).toEqual([]);
  expect(await entries(db)).toEqual([]);
  expect(await ledger(db)).toEqual([
    { state: 'parked', reason: 'a cascade or a trigger writes public.audit; declare it with `touches:`' },
  ]);
});

test('one that writes the healed table itself, on other rows, is no exception', async () => {
  const db = await jobs(
    trigger(
      'other',
      'trigger other after update on jobs for each row when (pg_trigger_depth() = 0)',
      `update jobs set note = 'seen' where id = 2;`,
    ),
  );
  const stage = await stageOn(db, { stuck: stuck() });
  await stage.sweep();
  await stage.heal('stuck');
  expect(await db.sql('select from jobs where note is not null')).toEqual([]);
  expect(await ledger(db)).toMatchObject([{ state: 'parked' }]);
});

test('a declared one is written, counted and told in the journal', async () => {
  const db = await jobs(audited);
  const stage = await stageOn(db, { stuck: stuck('-- touches: audit\n') });
  await stage.sweep();
  expect(await stage.heal('stuck')).toMatchObject({ healed: 1, written: 2 });
  expect(await db.sql('select job_id, said from audit')).toEqual([{ job_id: 1, said: 'failed' }]);
  expect(await entries(db)).toMatchObject([
    { action: 'set', table_name: 'public.jobs' },
    { action: 'effect', table_name: 'public.audit' },
  ]);
});

test('rows that a trigger writes unseen count in the guard, each of them', async () => {
  const db = await jobs(
    trigger(
      'many',
      'trigger many after update on jobs for each row',
      'insert into audit (job_id, said) select new.id, n::text from generate_series(1, 30) n;',
    ),
  );
  const stage = await stageOn(db, { stuck: stuck('-- touches: audit\n-- guard: 20/hour\n') });
  await stage.sweep();
  expect(await stage.heal('stuck')).toMatchObject({ healed: 0, written: 0 });
  expect(await db.sql('select from audit')).toEqual([]);
  expect(await db.sql(`select held_at is not null as held from evenkeel.invariant`)).toEqual([
    { held: true },
  ]);
});

async function carts(): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`
    create table carts (id int primary key, expired bool);
    create table items (id int primary key, cart_id int references carts on delete cascade);
    create table marks (id int primary key, item_id int references items on delete cascade);
    insert into carts values (1, true), (2, false);
    insert into items select n, 1 from generate_series(1, 6) n;
    insert into marks select n, n from generate_series(1, 6) n`);
  return db;
}

test('cascades must be declared, all the way down', async () => {
  const db = await carts();
  const stage = await stageOn(db, { removal: removal('-- touches: items\n') });
  await stage.sweep();
  expect(await stage.heal('removal')).toMatchObject({ healed: 0, written: 0 });
  expect(await db.sql('select from carts')).toHaveLength(2);
  expect(await ledger(db)).toMatchObject([
    { state: 'parked', reason: expect.stringContaining('public.marks') },
  ]);
});

test('cascaded rows are journaled row by row', async () => {
  const db = await carts();
  const stage = await stageOn(db, { removal: removal('-- touches: items, marks\n') });
  await stage.sweep();
  expect(await stage.heal('removal')).toMatchObject({ healed: 1, written: 13 });
  const written = await entries(db);
  expect(written.filter(one => one.action === 'effect')).toHaveLength(12);
  expect(written).toContainEqual({
    action: 'effect',
    table_name: 'public.marks',
    key: ['6'],
    before: { id: '6', item_id: '6' },
    after: null,
  });
});

test('cascaded rows count in the guard', async () => {
  const db = await carts();
  const stage = await stageOn(db, { removal: removal('-- touches: items, marks\n-- guard: 12/hour\n') });
  await stage.sweep();
  expect(await stage.heal('removal', 1)).toMatchObject({ healed: 0, written: 0 });
  expect(await db.sql('select from carts')).toHaveLength(2);
  expect(await db.sql(`select held_why from evenkeel.invariant`)).toEqual([
    { held_why: 'a heal would write 13 rows, more than is left of 12/hour' },
  ]);
});

/** A role that owns nothing; its URL. */
async function plainRole(db: FreshDatabase): Promise<string> {
  const name = `${db.name}_role`;
  await db.sql(`create role "${name}" login password 'x'; grant create on database "${db.name}" to "${name}";
    grant select, update on all tables in schema public to "${name}"`);
  const url = new URL(db.url);
  [url.username, url.password] = [name, 'x'];
  return url.href;
}

test('a role under row-level security is refused: it would take unseen rows for missing', async () => {
  const db = await jobs('alter table audit enable row level security');
  const url = await plainRole(db);
  const reading = `-- evenkeel: broken
-- says: Done jobs were audited
-- on: jobs
select id from jobs j where status = 'done' and not exists (select from audit where job_id = j.id)`;
  const stage = await stageOn(db, { reading }, { url });
  expect(() => stage.bound('reading')).toThrow(/row-level security/);
});

test('a policy that comes later makes an error, never a heal of what is left to see', async () => {
  const db = await jobs('');
  const url = await plainRole(db);
  const stage = await stageOn(db, { stuck: stuck() }, { url });
  await stage.sweep();
  await db.sql(`alter table jobs enable row level security; create policy visible on jobs using (id = 2)`);
  await makeDue(db);
  await expect(stage.heal('stuck')).rejects.toThrow(/row-level security/);
  expect(await entries(db)).toEqual([]);
  expect(await ledger(db)).toHaveLength(1);
});

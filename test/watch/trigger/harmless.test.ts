/** No statement of the application fails or waits because of what is installed; what it changed is told all the same, as `all` or a gap. */
import type pg from 'pg';
import { expect, test } from 'vitest';
import type { FreshDatabase } from '../../support/database.ts';
import { until } from '../../support/wait.ts';
import { type Listening, install, listen, scene, whyNot } from './scene.ts';

const lines = `create table lines (id int primary key, order_id int, amount int);
  insert into lines select g, g, 1 from generate_series(1, 100) g; analyze`;
const begin = () => scene(lines, { lines: ['order_id'] });

/** Each of the application's statements, in a session of its own; whether the row is there afterwards. */
async function passes(app: pg.ClientBase, column = 'order_id'): Promise<number> {
  const started = performance.now();
  await app.query(`insert into lines (id, ${column}) values (777, '5')`);
  await app.query(`update lines set amount = 2, ${column} = '6' where id = 777`);
  const { rowCount } = await app.query('delete from lines where id = 777');
  expect(rowCount).toBe(1);
  return performance.now() - started;
}

const untilAll = (told: Listening['told'], pattern: RegExp) =>
  until(() => told.alls.some(one => pattern.test(one)), { what: `all to be told of ${pattern.source}` });
const untilGap = (told: Listening['told']) =>
  until(() => told.gaps.length > 0 && told.gaps.every(gap => /could not append/.test(gap)), {
    what: 'a gap to be told',
  });

const migrations: readonly [string, string, string][] = [
  ['renamed', 'alter table lines rename column order_id to parent_id', 'parent_id'],
  ['retyped', 'alter table lines alter column order_id type text', 'order_id'],
  [
    'retyped to what has another text',
    `alter table lines alter column order_id type numeric using order_id + 0.5`,
    'order_id',
  ],
  [
    'dropped, and made anew',
    'alter table lines drop column order_id; alter table lines add column order_id bigint',
    'order_id',
  ],
  ['dropped', 'alter table lines drop column order_id; alter table lines add column other int', 'other'],
  [
    'made generated',
    'alter table lines drop column order_id; alter table lines add column x int; alter table lines add column order_id int generated always as (x) stored',
    'x',
  ],
];
test.each(migrations)(
  'a column is %s, in a session that has used it and in a new one',
  async (_, ddl, column) => {
    const { db, watched } = await begin();
    const { told } = await listen(db, watched);
    const old = await db.client();
    await passes(old);
    await db.sql(ddl);
    await passes(old, column);
    await passes(await db.client(), column);
    await untilAll(told, /lines/);
    expect(told.gaps).toEqual([]);
  },
);

test('a table is renamed, moved to another schema, and dropped', async () => {
  const { db, watched } = await begin();
  const { told } = await listen(db, watched);
  const app = await db.client();
  await passes(app);
  await db.sql(
    'alter table lines rename to rows; create schema b; alter table rows set schema b; set search_path to b',
  );
  await app.query('insert into b.rows values (500, 5)');
  await until(() => told.rows.includes('lines insert 5'), { what: 'it to be told under its new name' });
  await db.sql('drop table b.rows');
  await untilAll(told, /it is not there any more/);
  expect(told.gaps).toEqual([]);
});

test('a migration is not held up: nothing depends on a column', async () => {
  const { db } = await begin();
  const { rows } = await db.pool.query(
    `select from pg_depend where refclassid = 'pg_class'::regclass and refobjid = 'lines'::regclass and refobjsubid > 0
        and classid in ('pg_trigger'::regclass, 'pg_proc'::regclass)`,
  );
  expect(rows).toEqual([]);
  await db.sql('alter table lines drop column order_id');
});

/** What is done to the queue, and what it takes to tell of it. */
async function locked(
  lock: string,
): Promise<{ db: FreshDatabase; ms: number; told: Listening['told']; release: () => Promise<void> }> {
  const { db, watched } = await begin();
  const { told } = await listen(db, watched);
  const somebody = await db.client();
  await somebody.query(`begin; ${lock}`);
  const app = await db.client();
  const ms = await passes(app);
  return { db, ms, told, release: () => somebody.query('rollback').then(() => undefined) };
}

test.each([
  'lock table evenkeel.change',
  'alter table evenkeel.change add x int',
  'lock table evenkeel.change in share mode',
])('somebody holds a lock: %s', async lock => {
  const { ms, told, release } = await locked(lock);
  // Three statements, three transactions: each may wait for a tenth of a second, and one more to count what is lost.
  expect(ms).toBeLessThan(900);
  await release();
  await untilGap(told);
});

test('a transaction waits once, however many statements it has', async () => {
  const { db, watched } = await begin();
  const { told } = await listen(db, watched);
  const somebody = await db.client();
  await somebody.query('begin; lock table evenkeel.change');
  const started = performance.now();
  await db.sql(`do $$ begin for i in 1..50 loop update lines set amount = i where id = i; end loop; end $$`);
  expect(performance.now() - started).toBeLessThan(500);
  await somebody.query('rollback');
  await untilGap(told);
});

test('a gap is told only when the transaction that lost something has ended', async () => {
  const { db, watched } = await begin();
  const { told, capture } = await listen(db, watched);
  const somebody = await db.client();
  const app = await db.client();
  await somebody.query('begin; lock table evenkeel.change');
  await app.query('begin; update lines set amount = 2 where id = 1');
  await somebody.query('rollback');
  const until1 = capture.toldUntil()?.getTime();
  await db.sql('update lines set amount = 3 where id = 2');
  await until(() => told.rows.includes('lines update 2'), { what: 'others to be told' });
  expect([told.gaps, capture.toldUntil()?.getTime()]).toEqual([[], until1]);
  await app.query('commit');
  await untilGap(told);
});

test('a queue that nobody reads stops growing', async () => {
  const { db, watched } = await begin();
  await db.sql(
    `create or replace function evenkeel.change_most() returns bigint language sql immutable as 'select 50000::bigint'`,
  );
  const app = await db.client();
  await app.query(
    `do $$ begin for i in 1..2000 loop update lines set amount = i where id = 1; commit; end loop; end $$`,
  );
  const [{ size }] = await db.sql(`select pg_relation_size('evenkeel.change')::int as size`);
  expect(size).toBeLessThan(66_000);
  await passes(app);
  const { told, quiet } = await listen(db, watched, { fresh: false });
  await untilGap(told);
  await quiet();
});

const breakages: readonly [string, string, 'gap' | 'ended' | 'unready'][] = [
  ['appending raises, as on a full disk', `alter table evenkeel.change add check (false) not valid`, 'gap'],
  [
    'a foreign trigger on the queue raises',
    `create function boom() returns trigger language plpgsql as 'begin raise division_by_zero; end'; create trigger boom before insert on evenkeel.change for each row execute function boom()`,
    'gap',
  ],
  ['a column of the queue is gone', 'alter table evenkeel.change drop column columns', 'ended'],
  ['the queue is gone', 'drop table evenkeel.change', 'unready'],
  ['the count of what is lost is gone', 'drop sequence evenkeel.change_lost', 'unready'],
  ['both are gone', 'drop table evenkeel.change; drop sequence evenkeel.change_lost', 'unready'],
  [
    'the function that marks is gone',
    'drop function evenkeel.change_missed; alter table evenkeel.change drop column columns',
    'unready',
  ],
];
test.each(breakages)('%s', async (_, ddl, noticed) => {
  const { db, watched } = await begin();
  const { told } = await listen(db, watched);
  const old = await db.client();
  await passes(old);
  await db.sql(ddl);
  await passes(old);
  expect(await passes(await db.client())).toBeLessThan(1_000);
  if (noticed === 'gap') await untilGap(told);
  else await until(() => told.gaps.some(gap => gap.startsWith('ended')), { what: 'capture to end' });
  if (noticed === 'unready') expect(await whyNot(db, watched)).not.toEqual([undefined]);
});

test('the role that triggers run as loses its rights', async () => {
  const { db, watched } = await begin();
  const role = `${db.name}_owner`;
  await db.sql(`create role ${role}; grant usage on schema evenkeel to ${role}`);
  try {
    for (const { name } of await db.sql(
      `select proname as name from pg_proc where proname like 'capture\\_%'`,
    ))
      await db.sql(`alter function evenkeel.${name}() owner to ${role}`);
    await passes(await db.client());
    expect(await whyNot(db, watched)).toEqual([`the role ${role}, as which triggers run, may not append`]);
    const { told } = await listen(db, watched, { fresh: false });
    await untilAll(told, /may not append/);
    await passes(await db.client());
  } finally {
    await db.sql(`reassign owned by ${role} to postgres; drop owned by ${role}; drop role ${role}`);
  }
});

test('what an application may do needs no right on the schema evenkeel', async () => {
  const { db, watched } = await begin();
  const { told, quiet } = await listen(db, watched);
  const role = `${db.name}_app`;
  await db.sql(`create role ${role}; grant all on lines to ${role}`);
  const app = await db.client();
  await app.query(`set role ${role}`);
  await passes(app);
  await quiet();
  expect(told.rows).toHaveLength(4);
  // Nor could it use a capture function, which runs with other rights, on a table of its own.
  const [{ name }] = await db.sql(
    `select proname as name from pg_proc where proname like 'capture\\_insert%'`,
  );
  await db.sql(`grant create on schema public to ${role}; grant usage on schema evenkeel to ${role}`);
  await expect(
    app.query(`create table own (order_id int); create trigger t after insert on own referencing new table as evenkeel_new
      for each statement execute function evenkeel.${name}('order_id')`),
  ).rejects.toThrow(/permission denied for function/);
  await app.query('reset role');
  await db.sql(`drop owned by ${role}; drop role ${role}`);
});

test('the schema goes while sessions use it', async () => {
  const { db } = await begin();
  const app = await db.client();
  await passes(app);
  await db.sql('drop schema evenkeel cascade');
  await passes(app);
  expect(await db.sql(`select from pg_trigger where tgname like 'evenkeel%'`)).toEqual([]);
});

test('a transaction of many statements gets few subtransactions, and all are told', async () => {
  const { db, watched } = await begin();
  const { told, quiet } = await listen(db, watched);
  const app = await db.client();
  await app.query('begin');
  for (let i = 1; i <= 100; i++) await app.query('update lines set amount = 9 where id = $1', [i]);
  const { rows } = await app.query('select count(distinct xmin::text)::int as xids from evenkeel.change');
  await app.query('commit');
  await quiet();
  // Past 64 of them a snapshot of anybody would have to look them up on disk.
  expect(rows[0].xids).toBeGreaterThan(1);
  expect(rows[0].xids).toBeLessThanOrEqual(25);
  expect(told.rows).toHaveLength(100);
});

test('a column that is gone fails no statement late in a transaction either', async () => {
  const { db, watched } = await scene(`${lines}; create table others (id int)`, {
    lines: ['order_id'],
    others: ['id'],
  });
  const { told, quiet } = await listen(db, watched);
  await db.sql('alter table lines rename column order_id to parent_id');
  await db.sql(`do $$ begin for i in 1..50 loop insert into others values (i); end loop;
    update lines set amount = 2; end $$`);
  // The renaming alone tells of all lines too, maybe before anything was inserted.
  await quiet();
  await untilAll(told, /lines/);
  expect(told.rows.filter(row => row.startsWith('others'))).toHaveLength(50);
});

test('a statement timeout that strikes takes its own statement, and leaves nothing behind', async () => {
  const { db, watched } = await begin();
  const { told, quiet } = await listen(db, watched);
  const app = await db.client();
  await app.query(`set statement_timeout = '50ms'`);
  await expect(app.query('update lines set amount = 2; select pg_sleep(1)')).rejects.toThrow(
    /statement timeout/,
  );
  await quiet();
  expect(told.rows).toEqual([]);
  await passes(app);
});

test('installing again changes nothing', async () => {
  const { db, watched } = await begin();
  const xmins = () =>
    db.sql(
      `select oid, xmin from pg_trigger where tgname like 'evenkeel%' union all select oid, xmin from pg_proc where proname like 'capture%' order by 1`,
    );
  const before = await xmins();
  await install(db, watched);
  expect(await xmins()).toEqual(before);
});

test('switched off for a while, or made anew: everything is told', async () => {
  const { db, watched } = await begin();
  const { told, quiet } = await listen(db, watched);
  await db.sql('alter table lines disable trigger all');
  await untilAll(told, /not enabled always/);
  await db.sql('update lines set amount = 3 where id = 1');
  await db.sql('alter table lines enable trigger all');
  expect(await whyNot(db, watched)).toEqual([
    'the trigger evenkeel_insert of public.lines is not enabled always',
  ]);
  await install(db, watched);
  await untilAll(told, /its triggers are new/);
  await quiet();
});

test('rows that change without a statement on them: everything is told', async () => {
  const { db, watched } = await begin();
  const { told, quiet } = await listen(db, watched);
  await db.sql('alter table lines alter column amount type int using amount * 2');
  await untilAll(told, /it was altered/);
  await quiet();
  expect(told.rows).toEqual([]);
});

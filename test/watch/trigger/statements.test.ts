/** Every way in which a statement can change rows is told, once, with the transaction and who did it. */
import { expect, test } from 'vitest';
import { until } from '../../support/wait.ts';
import { listen, scene, whyNot } from './scene.ts';

const lines = `create table orders (id int primary key);
  create table lines (id int primary key, order_id int references orders on delete cascade on update cascade, amount int);
  insert into orders select generate_series(1, 9);
  insert into lines select g, g, 1 from generate_series(1, 6) g`;

const each: readonly [string, string, string[]][] = [
  ['insert', 'insert into lines values (10, 1, 5), (11, 2, 5)', ['insert 1', 'insert 2']],
  ['update of another column', 'update lines set amount = 7 where id in (1, 2)', ['update 1', 'update 2']],
  [
    'update of the column: old and new',
    'update lines set order_id = 9 where id = 1',
    ['update 1', 'update 9'],
  ],
  ['update to NULL', 'update lines set order_id = null where id = 1', ['update 1', 'update null']],
  ['delete', 'delete from lines where id < 3', ['delete 1', 'delete 2']],
  ['nothing', 'update lines set amount = 1 where false; delete from lines where false', []],
  ['insert … select of nothing', 'insert into lines select 1, 1, 1 where false', []],
  ['COPY', `copy lines from program 'echo 20,3,1' with (format csv)`, ['insert 3']],
  [
    'MERGE',
    `merge into lines l using (values (1, 8), (30, 8)) s(id, o) on l.id = s.id
       when matched then update set order_id = s.o when not matched then insert values (s.id, s.o, 1)`,
    ['insert 8', 'update 1', 'update 8'],
  ],
  [
    'ON CONFLICT DO UPDATE',
    `insert into lines values (1, 4, 1), (40, 5, 1) on conflict (id) do update set order_id = excluded.order_id`,
    ['insert 5', 'update 1', 'update 4'],
  ],
  ['ON CONFLICT DO NOTHING', `insert into lines values (1, 4, 1) on conflict do nothing`, []],
  [
    'a writing CTE',
    `with gone as (delete from lines where id = 1 returning *), new as (insert into lines values (50, 7, 1) returning *)
     update lines set amount = 2 where id = 2`,
    ['delete 1', 'insert 7', 'update 2'],
  ],
  ['a cascading delete', 'delete from orders where id in (1, 2)', ['delete 1', 'delete 2']],
  ['a cascading update', 'update orders set id = 90 where id = 1', ['update 1', 'update 90']],
  [
    'as a replica does',
    `set session_replication_role = replica; delete from lines where id = 5; reset session_replication_role`,
    ['delete 5'],
  ],
  ['rolled back', 'begin; delete from lines; rollback', []],
  [
    'rolled back to a savepoint',
    'begin; delete from lines where id = 1; savepoint a; delete from lines where id = 2; rollback to a; commit',
    ['delete 1'],
  ],
  ['read only where it may be', 'begin read only; select from lines; commit', []],
  [
    'serializable',
    'begin isolation level serializable; delete from lines where id = 3; commit',
    ['delete 3'],
  ],
];

test.each(each)('%s', async (_, statement, rows) => {
  const { db, watched } = await scene(lines, { lines: ['order_id'] });
  const { told, quiet } = await listen(db, watched);
  await db.sql(statement);
  await quiet();
  expect(told.rows.toSorted()).toEqual(rows.map(row => `lines ${row}`));
  expect([told.alls, told.gaps]).toEqual([[], []]);
  await until(async () => (await db.sql('select from evenkeel.change')).length === 0, {
    what: 'what was told to be deleted',
  });
});

test('a transaction is told as one, with its id, its time, its role and its application', async () => {
  const { db, watched } = await scene(lines, { lines: ['order_id'] });
  const { told, quiet } = await listen(db, watched);
  const app = await db.client();
  await app.query(
    `create role ${db.name}_app; grant all on lines to ${db.name}_app; grant select on orders to ${db.name}_app`,
  );
  await app.query(`set application_name = 'shop'; set role ${db.name}_app; begin`);
  await app.query('delete from lines where id = 1');
  await app.query('update lines set amount = 3 where id = 2');
  const { rows } = await app.query('select pg_current_xact_id()::text as xid, clock_timestamp() as at');
  await app.query('commit; reset role');
  await quiet();
  await app.query(`drop owned by ${db.name}_app; drop role ${db.name}_app`);
  expect(told.transactions).toEqual([
    {
      origin: { xid: rows[0].xid, at: expect.any(Date), role: `${db.name}_app`, application: 'shop' },
      rows: ['lines delete 1', 'lines update 2'],
    },
  ]);
  expect(Math.abs(told.transactions[0]!.origin.at.getTime() - rows[0].at.getTime())).toBeLessThan(1_000);
});

test('a prepared transaction is told when it is committed', async () => {
  const { db, watched } = await scene(lines, { lines: ['order_id'] });
  const { told, quiet } = await listen(db, watched);
  const app = await db.client();
  await app.query(`begin; delete from lines where id = 1; prepare transaction '${db.name}'`);
  await db.sql('delete from lines where id = 2');
  await quiet();
  expect(told.rows).toEqual(['lines delete 2']);
  await app.query(`commit prepared '${db.name}'`);
  await quiet();
  expect(told.rows).toEqual(['lines delete 2', 'lines delete 1']);
});

test('TRUNCATE, also by cascade, says that any row may have changed', async () => {
  const { db, watched } = await scene(lines, { lines: ['order_id'] });
  const { told, quiet } = await listen(db, watched);
  await db.sql('truncate orders cascade');
  await quiet();
  expect(told.alls).toContain('lines: it was truncated');
});

test('a table of which only all is of interest is told as all', async () => {
  const { db, watched } = await scene(lines, { lines: [] });
  const { told, quiet } = await listen(db, watched);
  await db.sql('update lines set amount = 1 where false');
  await quiet();
  expect(told.alls).toEqual([]);
  await db.sql('update lines set amount = 1 where id = 1');
  await quiet();
  expect(told.alls).toEqual(['lines: it can only be looked at as a whole']);
});

test('names and values that need care', async () => {
  const odd = `create schema "S""x"; create table "S""x"."Ta ble'" ("told" text, "changed'" text, "im""ages" timestamptz, "ö\\" varchar, "most" json)`;
  const { db, watched } = await scene(odd, {
    '"S""x"."Ta ble\'"': ['told', "changed'", 'im"ages', 'ö\\', 'most'],
  });
  expect(await whyNot(db, watched)).toEqual([undefined]);
  const { told, quiet } = await listen(db, watched);
  await db.sql(
    `set datestyle = 'SQL, DMY'; insert into "S""x"."Ta ble'" values ('{"a\\,', null, '2026-02-03 04:05+00', '', '{"k": 1}'); reset datestyle`,
  );
  await quiet();
  const zone = (await db.sql(`select '2026-02-03 04:05+00'::timestamptz::text as t`))[0].t;
  expect([told.rows, told.alls]).toEqual([[`Ta ble' insert {"a\\,,null,${zone},,{"k": 1}`], []]);
  await db.sql(`update "S""x"."Ta ble'" set told = 'NULL'`);
  await quiet();
  expect(told.alls).toEqual([]);
  expect(told.rows).toHaveLength(3);
});

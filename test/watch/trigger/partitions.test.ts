/** Statements aimed at a partitioned table, at a partition, and at what lies between: each told once, as changes of the root. */
import { expect, test } from 'vitest';
import type { Watched } from '../../../src/watch/capture/capture.ts';
import { until } from '../../support/wait.ts';
import { install, listen, scene, watch, whyNot } from './scene.ts';

const tables = `create table lines (id int, order_id int, amount int) partition by range (order_id);
  create table low partition of lines for values from (0) to (100);
  create table high (amount int, gone text, order_id int, id int) partition by range (id);
  alter table high drop column gone;
  create table high_1 partition of high for values from (0) to (1000);
  create table high_2 partition of high for values from (1000) to (2000);
  alter table lines attach partition high for values from (100) to (200);
  insert into lines select g, g, 1 from generate_series(1, 3) g;
  insert into lines values (101, 101, 1), (1102, 102, 1)`;
const begin = () => scene(tables, { lines: ['order_id'] });

const each: readonly [string, string, string[]][] = [
  [
    'insert through the root',
    'insert into lines values (7, 7, 1), (107, 107, 1)',
    ['insert 107', 'insert 7'],
  ],
  ['insert into a leaf', 'insert into low values (7, 7, 1)', ['insert 7']],
  ['insert into a level between', 'insert into high (id, order_id) values (1500, 150)', ['insert 150']],
  [
    'update through the root',
    'update lines set amount = 2',
    ['update 1', 'update 101', 'update 102', 'update 2', 'update 3'],
  ],
  ['update of a leaf', 'update high_2 set amount = 2', ['update 102']],
  [
    'a row moves to another partition',
    'update lines set order_id = 150 where id = 1',
    ['update 1', 'update 150'],
  ],
  ['a row moves below the root', 'update high set id = 1500 where id = 101', ['update 101']],
  [
    'delete through the root',
    'delete from lines where amount = 1 and order_id > 2',
    ['delete 101', 'delete 102', 'delete 3'],
  ],
  ['delete from a leaf', 'delete from high_1', ['delete 101']],
  [
    'COPY into the root',
    `copy lines from program 'printf "8,8,1\\n108,108,1\\n"' with (format csv)`,
    ['insert 108', 'insert 8'],
  ],
];
test('each statement is told once', async () => {
  const { db, watched } = await begin();
  const { told, quiet } = await listen(db, watched);
  for (const [what, statement, rows] of each) {
    await db.sql(statement);
    await quiet();
    expect([what, told.rows.toSorted(), told.alls]).toEqual([what, rows.map(row => `lines ${row}`), []]);
    // As it was: those that tell of the way back don't count.
    await db.sql(`alter table lines disable trigger user; alter table only low disable trigger user`);
    await db.sql(
      'begin; truncate lines; insert into lines select g, g, 1 from generate_series(1, 3) g; insert into lines values (101, 101, 1), (1102, 102, 1); commit',
    );
    await install(db, watched);
    await quiet();
    told.clear();
  }
});

test('a partition that comes later is told as all until it has triggers; what comes and goes with it, too', async () => {
  const { db, watched } = await begin();
  const { told, quiet, capture } = await listen(db, watched);
  await db.sql('create table later (like lines); insert into later values (5, 250, 1)');
  await db.sql('alter table lines attach partition later for values from (200) to (300)');
  await until(() => told.alls.length > 1, { what: 'all to be told, again and again' });
  const since = capture.toldUntil();
  expect(told.alls[0]).toBe('lines: public.later has no trigger evenkeel_insert');
  expect(await whyNot(db, watched)).toEqual(['public.later has no trigger evenkeel_insert']);
  await db.sql('insert into later values (6, 251, 1)');
  expect(capture.toldUntil()).toEqual(since);
  await install(db, watched);
  await quiet();
  expect(told.alls.at(-1)).toBe('lines: it was altered, or its triggers are new');
  await db.sql('insert into later values (7, 252, 1)');
  await quiet();
  expect(told.rows).toEqual(['lines insert 252']);
  told.clear();
  await db.sql('alter table lines detach partition later');
  await quiet();
  expect(told.alls).toEqual(['lines: it was altered, or its triggers are new']);
});

test('what triggers can not see is refused, and gets none', async () => {
  const { db, watched } = await begin();
  await db.sql(`create foreign data wrapper nothing; create server far foreign data wrapper nothing;
    create table parents (id int); create table children () inherits (parents);
    create table calm (id int, twice int generated always as (id * 2) stored)`);
  const others = await watch(db, { parents: ['id'], children: ['id'], calm: ['id', 'twice'] });
  await install(db, others);
  expect(await whyNot(db, others)).toEqual([
    'public.parents inherits or is inherited from, and a statement fires the triggers of one table',
    'public.children inherits or is inherited from, and a statement fires the triggers of one table',
    undefined,
  ]);
  expect(
    await db.sql(`select from pg_trigger where tgrelid in ('parents'::regclass, 'children'::regclass)`),
  ).toEqual([]);
  const { told, quiet } = await listen(db, [others[2]!]);
  await db.sql('insert into calm values (4)');
  await quiet();
  expect(told.rows).toEqual(['calm insert 4,8']);
  await db.sql(`create foreign table beyond partition of lines for values from (300) to (400) server far`);
  expect(await whyNot(db, watched)).toEqual(['public.beyond is a foreign table']);
});

test('a column that is computed when it is read is refused', async () => {
  const { db } = await begin();
  const [{ version }] = await db.sql(`select current_setting('server_version_num')::int as version`);
  if (version < 180000) return;
  await db.sql('create table calm (id int, twice int generated always as (id * 2) virtual)');
  const watched = await watch(db, { calm: ['id', 'twice'] });
  await install(db, watched);
  expect(await whyNot(db, watched)).toEqual(['twice is computed when it is read, which triggers do not see']);
  const fine = await watch(db, { calm: ['id'] });
  await install(db, fine);
  expect(await whyNot(db, fine)).toEqual([undefined]);
});

test.each(['each distinct image', 'every row'])(
  'a row that a trigger refuses where it moves to is gone, and told so: %s',
  async how => {
    const summed = how === 'every row' ? ['amount'] : undefined;
    const { db } = await begin();
    await db.sql(`create function refuse() returns trigger language plpgsql as 'begin return null; end';
      create trigger refuse before insert on high_1 for each row execute function refuse()`);
    const [lines] = await watch(db, { lines: ['order_id'] });
    const watched = [{ ...(lines as Watched), extra: summed ?? [], summed }];
    await install(db, watched);
    const { told, quiet } = await listen(db, watched);
    await db.sql('update lines set order_id = 150 where id = 1');
    expect(await db.sql('select from lines where id = 1')).toEqual([]);
    await quiet();
    expect([told.rows, told.alls]).toEqual([[`lines update 1${summed ? ',1' : ''}`], []]);
  },
);

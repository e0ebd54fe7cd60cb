import { expect, test } from 'vitest';
import { freshDatabase } from '../../support/database.ts';
import { fresh, telling } from './telling.ts';

test('rows as they were and as they are, by what the replica identity tells', async () => {
  const db = await freshDatabase();
  await db.sql(`
    create table plain (id int primary key, owner int, note text);
    create table whole (id int primary key, owner int, note text);
    alter table whole replica identity full;
    create table by_index (id int primary key, owner int not null, place text not null);
    create unique index on by_index (owner, place);
    alter table by_index replica identity using index by_index_owner_place_idx;
    create table pair (a int, b text, n int, primary key (a, b));
    create table quoted ("Od d" int primary key, "Näme" text);
    alter table quoted replica identity full`);
  const { notes, settle } = await telling(db, {
    plain: ['owner', 'id'],
    whole: ['owner', 'id'],
    by_index: ['place', 'owner'],
    pair: ['b', 'a'],
    quoted: ['Näme', 'Od d'],
  });
  expect(notes.gaps).toHaveLength(1);
  const says = async (text: string) => {
    await db.sql(text);
    await settle();
    return fresh(notes);
  };
  fresh(notes);
  expect(await says(`insert into plain values (1, 10, 'x'), (2, null, 'y')`)).toEqual([
    'plain insert → 10,1',
    'plain insert → NULL,2',
  ]);
  // The old owner is not told, as the catalog said: the key is, where it changes.
  expect(await says('update plain set owner = 11 where id = 1')).toEqual(['plain update → 11,1']);
  expect(await says('update plain set id = 5 where id = 1')).toEqual(['plain update NULL,1 → 11,5']);
  expect(await says('delete from plain where id = 5')).toEqual(['plain delete NULL,5 →']);

  expect(await says(`insert into whole values (1, 10, 'x')`)).toEqual(['whole insert → 10,1']);
  expect(await says('update whole set owner = null where id = 1')).toEqual(['whole update 10,1 → NULL,1']);
  expect(await says('delete from whole')).toEqual(['whole delete NULL,1 →']);

  expect(await says(`insert into by_index values (1, 10, 'a')`)).toEqual(['by_index insert → a,10']);
  expect(await says('update by_index set id = 2')).toEqual(['by_index update same a,10']);
  expect(await says(`update by_index set place = 'b'`)).toEqual(['by_index update a,10 → b,10']);
  expect(await says('delete from by_index')).toEqual(['by_index delete b,10 →']);

  expect(await says(`insert into pair values (1, 'é,"', 1), (2, '', 2)`)).toEqual([
    'pair insert → é,",1',
    'pair insert → ,2',
  ]);
  expect(await says('update pair set n = 3 where a = 1')).toEqual(['pair update same é,",1']);
  expect(await says('update pair set a = 3 where a = 1')).toEqual(['pair update é,",1 → é,",3']);
  const long = 'ü'.repeat(40);
  expect(await says(`insert into quoted values (1, '${long}')`)).toEqual([`quoted insert → ${long},1`]);
});

test('the transaction by its full xid and its time; what was rolled back not at all', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key)');
  const { notes, settle } = await telling(db, { t: ['id'] });
  notes.xids.length = notes.times.length = 0;
  const client = await db.client();
  await client.query('begin; insert into t values (1); savepoint a; insert into t values (2); rollback to a');
  const { rows } = await client.query('insert into t values (3) returning pg_current_xact_id()::text as xid');
  await client.query('commit');
  await db.sql('begin; insert into t values (9); rollback');
  const [{ at }] = await db.sql('select clock_timestamp() as at');
  await settle();
  expect(fresh(notes)).toEqual(expect.arrayContaining(['t insert → 1', 't insert → 3']));
  expect(notes.lines.join()).not.toMatch(/→ [29]/);
  expect(notes.xids[0]).toBe(rows[0].xid);
  expect(Math.abs(notes.times[0]!.getTime() - at.getTime())).toBeLessThan(10_000);
});

test('COPY, TRUNCATE with cascade, MERGE, prepared transactions', async () => {
  const db = await freshDatabase();
  await db.sql(`create table parent (id int primary key);
    create table child (id int primary key, parent int references parent);
    alter table child replica identity full`);
  const { notes, settle } = await telling(db, { parent: ['id'], child: ['parent'] });
  fresh(notes);
  await db.sql('insert into parent select generate_series(1, 3)');
  await db.sql(`copy child from program 'printf "1\\t1\\n2\\t\\\\N\\n"'`);
  await db.sql(`merge into child c using (values (1, 2), (7, 3)) v(id, p) on c.id = v.id
    when matched then update set parent = v.p when not matched then insert values (v.id, v.p)`);
  const client = await db.client();
  await client.query(`begin; insert into parent values (4); prepare transaction 'p1'`);
  await settle();
  expect(fresh(notes)).toEqual([
    'parent insert → 1',
    'parent insert → 2',
    'parent insert → 3',
    'child insert → 1',
    'child insert → NULL',
    'child update 1 → 2',
    'child insert → 3',
  ]);
  await client.query(`commit prepared 'p1'`);
  await db.sql('truncate parent cascade');
  await settle();
  expect(fresh(notes).sort()).toEqual([
    'child all: it was truncated',
    'parent all: it was truncated',
    'parent insert → 4',
  ]);
});

test('a long value that did not change: from the old row, or the whole table', async () => {
  const db = await freshDatabase();
  await db.sql(`
    create table whole (id int primary key, path text, n int); alter table whole alter path set storage external;
    alter table whole replica identity full;
    create table plain (id int primary key, path text, n int); alter table plain alter path set storage external`);
  const { notes, settle } = await telling(db, { whole: ['path'], plain: ['path'] });
  fresh(notes);
  const long = 'abcdefgh'.repeat(1000);
  for (const table of ['whole', 'plain']) await db.sql(`insert into ${table} values (1, $1, 1)`, [long]);
  for (const table of ['whole', 'plain']) await db.sql(`update ${table} set n = 2`);
  await settle();
  expect(fresh(notes)).toEqual([
    `whole insert → ${long}`,
    `plain insert → ${long}`,
    `whole update ${long} → ${long}`,
    'plain all: a long value that did not change is not told',
  ]);
});

test('generated columns in the identity fail no statement of the application', async () => {
  const db = await freshDatabase();
  const [{ major }] = await db.sql(`select current_setting('server_version_num')::int / 10000 as major`);
  await db.sql(`create table stored (id int primary key, a int, twice int generated always as (a * 2) stored);
    alter table stored replica identity full`);
  if (major >= 18)
    await db.sql(`create table virtual (id int primary key, a int, twice int generated always as (a * 2) virtual);
      alter table virtual replica identity full`);
  const { notes, settle, capture } = await telling(db, {
    stored: ['twice', 'id'],
    ...(major >= 18 ? { virtual: ['id'] } : {}),
  });
  fresh(notes);
  for (const table of major >= 18 ? ['stored', 'virtual'] : ['stored']) {
    await db.sql(`insert into ${table} values (1, 1)`);
    await db.sql(`update ${table} set a = 2`);
    await db.sql(`delete from ${table}`);
  }
  await settle();
  const [before, after] = major >= 18 ? ['2', '4'] : ['NULL', 'NULL'];
  expect(fresh(notes)).toEqual([
    `stored insert → ${before},1`,
    `stored update ${before},1 → ${after},1`,
    `stored delete ${after},1 →`,
  ]);
  expect([...capture.untold.values()].join()).toMatch(major >= 18 ? /generated/ : /^$/);
});

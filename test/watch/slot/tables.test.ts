import { expect, test } from 'vitest';
import { freshDatabase } from '../../support/database.ts';
import { until } from '../../support/wait.ts';
import { fresh, telling } from './telling.ts';

test('a table without replica identity is left out, and its application goes on writing', async () => {
  const db = await freshDatabase();
  await db.sql(`create table anonymous (id int, n int); create table nothing (id int primary key);
    alter table nothing replica identity nothing;
    create table later (id int not null unique deferrable, n int);
    create unlogged table volatile (id int primary key);
    create table rootless (id int, n int) partition by range (id);
    create table rootless_1 partition of rootless for values from (0) to (10);
    alter table rootless_1 replica identity full`);
  const tables = { anonymous: ['id'], nothing: ['id'], later: ['id'], volatile: ['id'], rootless: ['id'] };
  const { capture, notes, settle } = await telling(db, tables);
  expect([...capture.untold.values()].map(why => why.slice(0, 25)).sort()).toEqual([
    'it has no primary key: a ',
    'it has no replica identit',
    'it has no replica identit',
    'it has no replica identit',
    'it is unlogged: a slot te',
  ]);
  expect(fresh(notes).map(one => one.split(' all: ')[0])).toEqual(Object.keys(tables));
  for (const table of Object.keys(tables)) {
    await db.sql(`insert into ${table} (id) values (1)`);
    await db.sql(`update ${table} set id = 2`);
    await db.sql(`delete from ${table}`);
  }
  await settle();
  expect(fresh(notes)).toEqual([]);
});

test('a table that loses its primary key leaves the publication, and comes back with it', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key, n int)');
  const { line, notes, settle } = await telling(db, { t: ['id'] });
  await db.sql('insert into t values (1, 1)');
  await db.sql('alter table t drop constraint t_pkey');
  await line('t all: it has no replica identity');
  await db.sql('update t set n = 2');
  fresh(notes);
  await db.sql('alter table t add primary key (id)');
  await line('t all: it is told of from now on');
  await db.sql('update t set n = 3');
  await settle();
  expect(fresh(notes).at(-1)).toBe('t update same 1');
});

test('a table that joins: what older transactions did to it is not told, and made good for', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key); create table late (id int primary key)');
  const { notes, settle, watch, line } = await telling(db, { t: ['id'] });
  const client = await db.client();
  await client.query('begin; insert into late values (1)');
  await watch({ t: ['id'], late: ['id'] });
  expect(fresh(notes)).toEqual(['late all: it is told of from now on']);
  await db.sql('insert into late values (2)');
  await settle();
  expect(fresh(notes)).toEqual(['late insert → 2']);
  await client.query('commit');
  await line('late all: transactions ended that began before it was told of');
  // And one that leaves is told of no more.
  await watch({ t: ['id'] });
  await db.sql('insert into late values (3)');
  await settle();
  expect(notes.lines.join()).not.toContain('late insert → 3');
});

test('columns that come, go and are renamed under it fail nothing, and stand for the whole table', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key, owner int, n int); alter table t replica identity full');
  const { notes, settle, watch, line, acknowledge } = await telling(db, { t: ['owner'] });
  await db.sql('insert into t values (1, 10, 1)');
  await settle();
  fresh(notes);
  await db.sql('alter table t add column first text default now(), drop column n');
  await db.sql('update t set owner = 11');
  await line('t update 10 → 11');
  await line('t all: its definition, its files or its partitions changed');
  await db.sql('alter table t rename owner to holder');
  fresh(notes);
  await db.sql('update t set holder = 12; insert into t values (2, 5)');
  await line('t all: less is told of owner than the catalog said');
  await line('t all: its definition');
  await watch({ t: ['holder'] });
  acknowledge();
  await settle();
  fresh(notes);
  await db.sql('update t set holder = 13 where id = 1');
  await settle();
  expect(fresh(notes)).toEqual(['t update 12 → 13']);
  // A rewrite changes values and tells no rows.
  await db.sql('alter table t alter holder type int using holder + 1');
  await line('t all: its definition, its files or its partitions changed');
  // Less identity than the catalog said when the columns were asked for.
  await db.sql('alter table t replica identity default');
  fresh(notes);
  await db.sql('update t set holder = 20 where id = 1');
  await line('t all: less is told of holder than the catalog said');
  await db.sql('drop table t');
  await line('t all: it is gone');
  await settle();
});

test('partitions under their root; moved rows; partitions with an identity of their own', async () => {
  const db = await freshDatabase();
  await db.sql(`create table p (id int, owner int, extra text, primary key (id)) partition by range (id);
    create table p1 partition of p for values from (0) to (10);
    create table p2 (extra text, gone int, owner int, id int not null);
    alter table p2 drop column gone; alter table p2 add primary key (id);
    alter table p attach partition p2 for values from (10) to (20);
    alter table p replica identity full; alter table p1 replica identity full; alter table p2 replica identity full`);
  const { notes, settle, line, watch } = await telling(db, { p: ['owner', 'id'] });
  fresh(notes);
  await db.sql('insert into p values (1, 5), (11, 6)');
  await db.sql('update p set owner = 7 where id = 11');
  await db.sql('update p set id = 12 where id = 1');
  await db.sql('delete from p2 where id = 11');
  await settle();
  expect(fresh(notes)).toEqual([
    'p insert → 5,1',
    'p insert → 6,11',
    'p update 6,11 → 7,11',
    'p delete 5,1 →',
    'p insert → 5,12',
    'p delete 7,11 →',
  ]);
  // A new partition has the default identity, whatever the root has: the catalog, when it was asked, knew of no such.
  await db.sql('create table p3 partition of p for values from (20) to (30)');
  await line('p all: its definition, its files or its partitions changed');
  fresh(notes);
  await db.sql('insert into p values (21, 5)');
  await db.sql('update p set owner = 6 where id = 21');
  await line('p all: less is told of owner than the catalog said');
  await watch({ p: ['owner', 'id'] });
  fresh(notes);
  await db.sql('update p set owner = 7 where id = 21');
  await db.sql('delete from p where id = 21');
  await db.sql('update p set owner = 8 where id = 12');
  await settle();
  expect(fresh(notes)).toEqual(['p update → 7,21', 'p delete NULL,21 →', 'p update 5,12 → 8,12']);
  // Rows that come and go with their partition are told by nobody else; nor is the truncation of one partition.
  for (const ddl of [
    'create table p4 as select 31 as id, 1 as owner, null::text as extra',
    'truncate p2',
    'alter table p detach partition p2',
  ]) {
    await db.sql(ddl);
    if (ddl.startsWith('create'))
      await db.sql(
        'alter table p4 alter id set not null; alter table p attach partition p4 for values from (30) to (40)',
      );
    await line('p all: its definition, its files or its partitions changed');
    fresh(notes);
  }
  await until(() => !notes.open, { what: 'quiet' });
});

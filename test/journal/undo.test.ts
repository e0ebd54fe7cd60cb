import { beforeEach, describe, expect, test } from 'vitest';
import { undo } from '../../src/journal/undo.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';

let db: FreshDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});
const entries = () => db.sql('select * from evenkeel.entry order by id');
const all = (dryRun = false) => ({ invariant: 'it', since: new Date(0), dryRun });
const head = (on: string, heal: string, more = '') =>
  `-- evenkeel: should\n-- says: It is so\n-- on: ${on}\n-- heal: ${heal}\n-- mode: heal\n-- grace: 0s\n${more}`;

describe('set', () => {
  const it = `${head('t', 'set')}select id, 2 * a as b from t`;
  beforeEach(() =>
    db.sql(
      'create table t (id int primary key, a int, b int, note text); insert into t values (1, 1, 0), (2, 2, 0), (3, 3, 6)',
    ),
  );

  test('restores, journals the undo and then leaves the subject alone until it changes', async () => {
    const keel = keelOn(db, { it });
    await keel.once();
    const report = await undo(db.pool, all(), 'ann');
    expect(report.refused).toEqual([]);
    expect(report.restored.map(one => one.key)).toEqual([['2'], ['1']]);
    expect(await db.sql('select b from t order by id')).toEqual([{ b: 0 }, { b: 0 }, { b: 6 }]);
    await keel.once();
    expect(await db.sql('select b from t order by id')).toEqual([{ b: 0 }, { b: 0 }, { b: 6 }]);
    expect(await db.sql('select distinct state from evenkeel.violation')).toEqual([{ state: 'undone' }]);
    await db.sql(`update t set note = 'x' where id = 1; update t set b = 5 where id = 2`);
    await keel.once();
    expect(await db.sql('select b from t order by id')).toEqual([{ b: 0 }, { b: 4 }, { b: 6 }]);
  });

  test('refuses, row by row, what changed since', async () => {
    await keelOn(db, { it }).once();
    await db.sql('update t set b = 9 where id = 1');
    const dry = await undo(db.pool, all(true), 'ann');
    const report = await undo(db.pool, all(), 'ann');
    expect(report).toEqual(dry);
    expect(report.restored.map(one => one.key)).toEqual([['2']]);
    expect(report.refused).toMatchObject([
      { key: ['1'], conflicts: [{ column: 'b', wrote: '2', now: '9' }] },
    ]);
    expect(await db.sql('select b from t order by id')).toEqual([{ b: 9 }, { b: 0 }, { b: 6 }]);
  });

  test('refuses where a later heal wrote the same columns', async () => {
    const keel = keelOn(db, { it });
    await keel.once();
    await db.sql('update t set b = 0 where id = 1');
    await keel.once();
    const [first] = await entries();
    const report = await undo(db.pool, { entries: [first.id], dryRun: false }, 'ann');
    expect(report.refused).toMatchObject([{ why: expect.stringContaining('undo that one first') }]);
    // The newest goes first; then the first heal meets what the application wrote between the two.
    expect((await undo(db.pool, all(), 'ann')).refused).toMatchObject([
      { key: ['1'], conflicts: [{ now: '0' }] },
    ]);
  });
});

test('insert: the row goes again, unless somebody changed it', async () => {
  await db.sql(`create table a (id int primary key); create table m (id int primary key, x int default 7);
    insert into a values (1), (2)`);
  const keel = keelOn(db, { it: `${head('m', 'insert')}select id from a` });
  await keel.once();
  expect(await db.sql('select * from m order by id')).toEqual([
    { id: 1, x: 7 },
    { id: 2, x: 7 },
  ]);
  await db.sql('update m set x = 8 where id = 2');
  const report = await undo(db.pool, all(), 'ann');
  expect(report.refused).toMatchObject([{ key: ['2'], conflicts: [{ column: 'x' }] }]);
  await keel.once();
  expect(await db.sql('select id from m order by id')).toEqual([{ id: 2 }]);
});

test('remove: the row comes back with its children, cascaded and set null, and what a trigger did', async () => {
  await db.sql(`
    create table p (id int generated always as identity primary key, j json, g int generated always as (1) stored);
    create table c (id int primary key, p_id int references p on delete cascade, note text);
    create table d (id int primary key, c_id int references c on delete cascade);
    create table n (id int primary key, p_id int references p on delete set null);
    create table w (p_id int primary key, deletes int);
    create function note() returns trigger language plpgsql as $$ begin
      update w set deletes = deletes + 1 where p_id = old.id; return null; end $$;
    create trigger note after delete on p for each row execute function note();
    alter table w add foreign key (p_id) references p on delete no action not valid;
    alter table w drop constraint w_p_id_fkey;
    insert into p (j) values ('{"a" :  1}'), ('[]');
    insert into c values (1, 1, 'x'), (2, 2, 'y'); insert into d values (10, 1), (20, 2); insert into n values (5, 1);`);
  const before = await db.sql(
    'select p.*::text as p, (select array_agg(c::text) from c) c, (select array_agg(d::text) from d) d, (select array_agg(n::text) from n) n from p order by id',
  );
  const keel = keelOn(db, {
    it: `-- evenkeel: broken\n-- says: x\n-- on: p\n-- heal: remove\n-- mode: heal\n-- grace: 0s\n-- touches: c, d, n\nselect id from p where id = 1`,
  });
  await keel.once();
  expect(
    await db.sql(
      'select (select count(*) from p)::int p, (select count(*) from c)::int c, (select count(*) from d)::int d, (select p_id from n) n',
    ),
  ).toEqual([{ p: 1, c: 1, d: 1, n: null }]);
  const report = await undo(db.pool, all(), 'ann');
  expect(report.refused).toEqual([]);
  expect(
    await db.sql(
      'select p.*::text as p, (select array_agg(c::text order by id) from c) c, (select array_agg(d::text order by id) from d) d, (select array_agg(n::text) from n) n from p order by id',
    ),
  ).toEqual(before);
  await keel.once();
  expect(await db.sql('select count(*)::int as n from p')).toEqual([{ n: 2 }]);
});

test('an appended compensation is reversed by appending', async () => {
  await db.sql(`
    create table account (id int primary key, balance numeric);
    create table ledger (id bigserial primary key, account_id int, amount numeric, why text);
    insert into account values (1, 10), (2, 0); insert into ledger (account_id, amount) values (1, 4)`);
  const keel = keelOn(db, {
    it: `-- evenkeel: broken
-- says: A ledger adds up to its balance
-- on: account
-- heal: insert ledger(account_id, amount, why)
-- mode: heal
-- grace: 0s
select a.id, a.id as account_id, a.balance - coalesce(sum(l.amount), 0) as amount, 'balance' as why
  from account a left join ledger l on l.account_id = a.id group by a.id having a.balance <> coalesce(sum(l.amount), 0)`,
  });
  await keel.once();
  expect(await db.sql('select amount from ledger order by id')).toEqual([{ amount: '4' }, { amount: '6' }]);
  const report = await undo(db.pool, all(), 'ann');
  expect(report.refused).toEqual([]);
  expect(await db.sql('select amount from ledger order by id')).toEqual([
    { amount: '4' },
    { amount: '6' },
    { amount: '-6' },
  ]);
  await keel.once();
  expect(await db.sql('select count(*)::int as n from ledger')).toEqual([{ n: 3 }]);
});

test('a row that restoring its children stamps anew is restored but for the stamp', async () => {
  await db.sql(`
    create table p (id int primary key, n int, version int);
    create table c (id int primary key, p_id int references p on delete cascade);
    insert into p values (1, 0, 5); insert into c values (7, 1);
    update p set n = 1;
    create function stamp() returns trigger language plpgsql as $$ begin new.version := old.version + 1; return new; end $$;
    create trigger stamp before update on p for each row execute function stamp();
    create function counts() returns trigger language plpgsql as $$ begin update p set n = n + 1 where id = new.p_id; return null; end $$;
    create trigger counts after insert on c for each row execute function counts()`);
  const it = `-- evenkeel: broken\n-- says: x\n-- on: p\n-- heal: remove\n-- mode: heal\n-- grace: 0s\n-- touches: c\nselect id from p where id = 1`;
  await keelOn(db, { it }).once();
  expect(await db.sql('select from p')).toEqual([]);
  expect(await undo(db.pool, all(), 'ann')).toMatchObject({ refused: [] });
  expect(await db.sql('select id, n from p')).toEqual([{ id: 1, n: 1 }]);
  expect(await db.sql('select * from c')).toEqual([{ id: 7, p_id: 1 }]);
});

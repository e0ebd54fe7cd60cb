import { beforeAll, describe, expect, test } from 'vitest';
import { transaction } from '../../src/db/pool.ts';
import { type Scope, readScope } from '../../src/watch/scope/scope.ts';
import { freshDatabase } from '../support/database.ts';

/** Which classes of queries can be followed from a change, and how; and which can't, and why not. */

const db = await freshDatabase();
beforeAll(() =>
  db.sql(`
    create table cust (id bigint primary key, name text, limit_ numeric);
    create table acct (id bigint primary key, cust_id bigint, bal numeric);
    create table entry (id bigint primary key, acct_id bigint, amt numeric, at timestamptz);
    create table hold (id bigint primary key, acct_id bigint not null, amt numeric, at timestamptz);
    create table line (acct_id int, n int, amt numeric, primary key (acct_id, n));
    create table old (id bigint primary key, acct_id bigint) partition by hash (id);
    create table old_0 partition of old for values with (modulus 1, remainder 0);
    create table base (id bigint primary key);
    create table heir (extra int) inherits (base);
    create view totals as select e.acct_id as id, sum(e.amt) as total from entry e group by e.acct_id;
    create view hidden as select a.id from acct a where a.bal > any (array(select h.amt from hold h)) group by a.id, (select 1 from cust);
    create view today as select e.acct_id as id from entry e where e.at > now();
    create materialized view cold as select acct_id as id from entry;
    create function many(bigint) returns bigint stable language sql as 'select count(*) from hold where acct_id = $1';`),
);

const read = (sql: string, key: readonly string[] = ['id']): Promise<Scope> =>
  transaction(db.pool, { statement: 10_000, schemas: ['public'] }, async tx => {
    const { fields } = await tx.query(`select * from (${sql}) w limit 0`);
    const family = (name: string) => fields.find(field => field.name === name)?.dataTypeID;
    return readScope(
      tx,
      sql,
      key.map(name => ({ name, family: family(name) })),
    );
  });

/** `table: key columns [through look-ups]`, or `table! why not`. */
const told = (scope: Scope): string[] => [
  ...scope.paths.map(({ relation, key, through }) =>
    [
      `${relation.name}:`,
      ...key.map(one => one.replaceAll('"', '')),
      ...through.map(one => `via ${one.name}`),
    ].join(' '),
  ),
  ...scope.blind.map(({ table, why }) => `${table.replace(/^public\./, '')}! ${why}`),
];

const followed: Record<string, [string, string[]]> = {
  'group by … having': [
    'select acct_id as id from entry group by acct_id having sum(amt) < 0',
    ['entry: o.acct_id'],
  ],
  'join and group by': [
    'select a.id, sum(e.amt) from acct a join entry e on e.acct_id = a.id group by a.id',
    ['acct: o.id', 'entry: o.acct_id'],
  ],
  'left join of a grouped sub-query': [
    'select a.id from acct a left join (select acct_id, sum(amt) s from entry group by 1) e on e.acct_id = a.id where a.bal <> e.s',
    ['acct: o.id', 'entry: o.acct_id'],
  ],
  'correlated sub-selects': [
    'select a.id, (select sum(e.amt) from entry e where e.acct_id = a.id), (select max(amt) from hold where acct_id = a.id) from acct a',
    ['acct: o.id', 'entry: o.acct_id', 'hold: o.acct_id'],
  ],
  'exists and not exists': [
    'select a.id from acct a where exists (select from entry e where e.acct_id = a.id) and not exists (select from hold h where h.acct_id = a.id)',
    ['acct: o.id', 'entry: o.acct_id', 'hold: o.acct_id'],
  ],
  'in a grouped sub-query': [
    'select a.id from acct a where a.id in (select acct_id from entry group by acct_id having count(*) > 3)',
    ['acct: o.id', 'entry: o.acct_id'],
  ],
  'union, intersect and except': [
    '(select id from acct union select acct_id from entry) except (select acct_id from hold intersect all select id from acct)',
    ['acct: o.id', 'entry: o.acct_id', 'hold: o.acct_id', 'acct: o.id'],
  ],
  'a CTE used once': [
    'with s as (select acct_id, sum(amt) t from entry group by acct_id) select a.id from acct a join s on s.acct_id = a.id where s.t <> a.bal',
    ['acct: o.id', 'entry: o.acct_id'],
  ],
  'a CTE used twice': [
    'with s as (select acct_id, sum(amt) t from entry group by acct_id) select a.acct_id as id from s a join s b on a.acct_id = b.acct_id and a.t = b.t',
    ['entry: o.acct_id', 'entry: o.acct_id'],
  ],
  'a window over its partition': [
    'select * from (select acct_id as id, row_number() over (partition by acct_id order by at) n from entry) e where n > 1',
    ['entry: o.acct_id'],
  ],
  'a window by name': [
    'select acct_id as id, rank() over w from entry window w as (partition by acct_id order by at)',
    ['entry: o.acct_id'],
  ],
  'distinct on': [
    'select distinct on (acct_id) acct_id as id, amt from entry order by acct_id, at',
    ['entry: o.acct_id'],
  ],
  'lateral … limit 1': [
    'select a.id, l.amt from acct a left join lateral (select e.amt from entry e where e.acct_id = a.id order by e.at limit 1) l on true',
    ['acct: o.id', 'entry: o.acct_id'],
  ],
  'a self-join': [
    'select a.acct_id as id from entry a join entry b on a.acct_id = b.acct_id and a.id < b.id',
    ['entry: o.acct_id', 'entry: o.acct_id'],
  ],
  'a path over another table': [
    'select c.id from cust c join acct a on a.cust_id = c.id left join entry e on e.acct_id = a.id group by c.id',
    ['cust: o.id', 'acct: o.cust_id', 'entry: t1.cust_id via acct'],
  ],
  'a path over two': [
    'select c.name as id from cust c join acct a on a.cust_id = c.id join entry e on e.acct_id = a.id group by 1',
    ['cust: o.name', 'acct: t1.name via cust', 'entry: t2.name via acct via cust'],
  ],
  'a full join': [
    'select coalesce(a.id, e.acct_id) as id from acct a full join entry e on e.acct_id = a.id where a.id is null or e.id is null',
    ['acct: o.id', 'entry: o.acct_id'],
  ],
  'a full join using its key': [
    'select acct_id as id from (select id as acct_id, bal from acct) a full join entry e using (acct_id)',
    ['acct: o.id', 'entry: o.acct_id'],
  ],
  'a natural join': [
    'select acct_id as id from entry e natural join (select acct_id, at from hold) h',
    ['entry: o.acct_id', 'hold: o.acct_id'],
  ],
  'a right join': [
    'select a.id from entry e right join acct a on a.id = e.acct_id',
    ['entry: o.acct_id', 'acct: o.id'],
  ],
  'a view': [
    'select a.id from acct a join totals t on t.id = a.id where t.total <> a.bal',
    ['acct: o.id', 'entry: o.acct_id'],
  ],
  'a partitioned table, and a partition of it': [
    'select acct_id as id from old union select acct_id from old_0',
    ['old: o.acct_id', 'old: o.acct_id'],
  ],
  'rows compared': [
    'select a.id from acct a join entry e on (e.acct_id, e.amt) = (a.id, a.bal)',
    ['acct: o.id', 'entry: o.acct_id'],
  ],
  'a key in a domain of its own text': ['select name as id from cust group by name', ['cust: o.name']],
  'an outer join that its WHERE undoes': [
    'select e.acct_id as id from acct a left join entry e on e.acct_id = a.id where e.acct_id is not null',
    ['acct! no path', 'entry: o.acct_id'],
  ],
  'functions beside the tables': [
    'select a.id from acct a, unnest(array(select h.amt from hold h where h.acct_id = a.id)) as u(amt)',
    ['acct: o.id', 'hold: o.acct_id'],
  ],
};

describe('is followed', () => {
  test.each(Object.entries(followed))('%s', async (_, [sql, expected]) => {
    const got = told(await read(sql)).map(one => one.replace(/! no path.*/, '! no path'));
    expect(got.toSorted()).toEqual(expected.toSorted());
  });
  test('a composite key', async () => {
    const scope = await read(
      'select l.acct_id, l.n from line l join hold h on h.acct_id = l.acct_id and h.id = l.n',
      ['acct_id', 'n'],
    );
    expect(told(scope)).toEqual(['line: o.acct_id o.n', 'hold: o.acct_id o.id']);
  });
  test('a key at the end of many tables', async () => {
    const joins = Array.from({ length: 6 }, (_, i) => `join hold h${i} on h${i}.acct_id = a.id`).join(' ');
    const scope =
      await read(`select c.id from acct a ${joins} join cust c on c.name = a.bal::text join cust d on d.id = a.cust_id
      where c.id = d.id`);
    expect(scope.blind).toEqual([]);
  });
});

const blind: Record<string, [string, RegExp[]]> = {
  'a global sub-select': ['select id from acct where bal > (select avg(bal) from acct)', [/acct! no path/]],
  'an inequality join': [
    'select a.id from acct a join entry e on e.at > now() and e.acct_id < a.id',
    [/entry! no path/],
  ],
  'not in': ['select id from acct where id not in (select acct_id from hold)', [/hold! no path/]],
  'a window over everything': [
    'select id, row_number() over (order by bal) from acct',
    [/acct! the key id is computed/],
  ],
  'a window over a constant': [
    'select id, rank() over (partition by 1 order by bal) from acct',
    [/acct! the key id/],
  ],
  'a window of ORDER BY': [
    'select distinct on (acct_id) acct_id as id from entry order by acct_id, rank() over (order by at)',
    [/entry! the key id/],
  ],
  limit: ['select id from acct order by bal limit 10', [/acct! the key id/]],
  offset: ['select id from acct order by bal offset 10', [/acct! the key id/]],
  'grouping sets': ['select id from acct group by rollup (id)', [/acct! the key id/]],
  'an aggregate of all': ['select max(id) as id from acct', [/acct! the key id/]],
  'having without group by': ['select 1::bigint as id from acct having count(*) > 1', [/acct! the key id/]],
  recursion: [
    'with recursive r as (select id from acct union select e.acct_id from entry e join r on r.id = e.id) select id from r',
    [/entry! it is mentioned in a place/],
  ],
  'an expression as key': ['select id + 0 as id from acct', [/acct! the key id/]],
  'a volatile function': ['select id from acct where random() > 0.5', [/random\(\)! it is volatile/]],
  'a function that may read': ['select id from acct where many(id) > 1', [/many\(\)! it may read tables/]],
  'a materialised view': ['select id from cold', [/cold! it is not a table/]],
  'the catalog': ['select oid::bigint as id from pg_class', [/pg_class! it is the catalog/]],
  'a table with heirs': ['select id from base', [/base! other tables inherit/]],
  'a sample': ['select id from acct tablesample system (10)', [/acct! it is mentioned in a place/]],
  'a table that a view hides in an odd place': [
    'select id from hidden',
    [/hold! no path/, /cust! it is mentioned/],
  ],
  'a key that an outer join fills': [
    'select e.acct_id as id from acct a left join entry e on e.acct_id = a.id',
    [/entry! the key id is NULL/],
  ],
  'one side of a full join': [
    'select a.id from acct a full join entry e on e.acct_id = a.id',
    [/acct! the key id is NULL/],
  ],
  'coalesce of unrelated columns': [
    'select coalesce(a.id, e.id) as id from acct a full join entry e on e.acct_id = a.id',
    [/acct! the key id is computed/],
  ],
  'a full join that another join fills': [
    'select coalesce(a.id, e.acct_id) as id from cust c left join (acct a full join entry e on e.acct_id = a.id) on a.cust_id = c.id',
    [/entry! the key id is NULL/],
  ],
  'distinct on another column': [
    'select distinct on (bal) id from acct order by bal, id',
    [/acct! the key id/],
  ],
  'distinct on a result column that a table has too': [
    'select distinct on (id) a.id as z, a.bal::bigint as id from acct a order by id, z',
    [/acct! the key id/],
  ],
  'a name that a function gives': [
    'select a.id from acct a where exists (select 1 from hold h, unnest(array[1,2]) as bal where h.amt = bal)',
    [/hold! no path/],
  ],
  'a name that VALUES give': [
    'select a.id from acct a where exists (select 1 from hold h, (values (1.0)) v(bal) where h.amt = bal)',
    [/hold! no path/],
  ],
  'a name that a cast gives': [
    'select a.id from acct a where exists (select 1 from hold h, (select bal::numeric from acct) v where h.amt = bal)',
    [/hold! no path/],
  ],
  'a column of a level outside, handed on': [
    'select a.id from acct a where not exists (select 1 from hold h, (select a.bal as b from cust) v where h.amt = v.b)',
    [/cust! no path/],
  ],
  'a table that is outside of where its column is compared': [
    'select c.id from acct a, cust c where not exists (select from entry e where e.acct_id = a.id and e.id = c.id)',
    [/acct! no path/],
  ],
  'arms of different types': [
    'select id from acct union select amt from entry',
    [/acct! the key id is computed/],
  ],
  'types that only seem equal': ['select a.id from acct a join line l on l.amt = a.id', [/line! no path/]],
};

describe('is not followed', () => {
  test.each(Object.entries(blind))('%s', async (_, [sql, expected]) => {
    const got = told(await read(sql)).join('\n');
    for (const one of expected) expect(got).toMatch(one);
  });
});

test('a key from two tables: both may change at once, and neither old row meets the other', async () => {
  const scope = await read(
    'select a.cust_id, l.n from acct a join hold h on h.acct_id = a.id join line l on l.n = h.id',
    ['cust_id', 'n'],
  );
  expect(told(scope).filter(one => one.includes('forks'))).toHaveLength(3);
});

test('a view that looks at the clock', async () => {
  expect((await read('select id from today')).clock).toBe(true);
  expect((await read('select id from totals')).clock).toBe(false);
  expect((await read(`select id from entry where at > 'today'`)).clock).toBe(true);
});

test('a NULL is a key only where it can be one', async () => {
  const nulls = async (sql: string) => (await read(sql)).paths.map(path => path.nulls[0]);
  expect(await nulls('select acct_id as id from entry')).toEqual([true]);
  expect(await nulls('select acct_id as id from hold')).toEqual([false]);
  expect(await nulls('select a.id from acct a join entry e on e.acct_id = a.id')).toEqual([false, false]);
  expect(await nulls('select acct_id as id from entry union select id from acct')).toEqual([true, false]);
});

describe('a key range is written into the text', () => {
  const places = async (sql: string, key?: string[]) => (await read(sql, key)).injections.length;
  test('where a table holds the key', async () => {
    expect(await places('select a.id from acct a left join entry on entry.acct_id = a.id')).toBe(1);
    expect(
      await places(
        'select a.id from acct a where exists (select from public.entry e where e.acct_id = a.id)',
      ),
    ).toBe(1);
  });
  test('not into a CTE or a view, which may be meant twice', async () => {
    expect(
      await places(
        'with e as (select acct_id from entry) select a.id from acct a join e on e.acct_id = a.id',
      ),
    ).toBe(0);
    expect(await places('select a.id from acct a join totals t on t.id = a.id')).toBe(0);
  });
  test('not where Postgres would refuse it', async () => {
    const systemColumn =
      'select a.id, e.xmin from acct a join entry e on e.acct_id = a.id join hold h on h.acct_id = a.id';
    expect(await places(systemColumn)).toBe(1);
    expect(await places('select a.id from acct a left join only entry e on e.acct_id = a.id')).toBe(0);
    expect(await places('select a.id from acct a join entry on public.entry.acct_id = a.id')).toBe(0);
    expect(
      await places('select a.id, e.amt from acct a join entry e on e.acct_id = a.id group by a.id, e.id'),
    ).toBe(0);
  });
});

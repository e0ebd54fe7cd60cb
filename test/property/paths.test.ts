import { describe, expect, test } from 'vitest';
import { library, told } from './reading.ts';

/** Classes of queries that can be followed from a change to the keys that it touches, and how. */

const read = await library();

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
  test('a composite key in a grouped sub-query', async () => {
    const scope = await read(
      'select acct_id, n from line where (acct_id, n) in (select acct_id, id from hold group by 1, 2 having sum(amt) > 1)',
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

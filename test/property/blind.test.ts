import { describe, expect, test } from 'vitest';
import { library, told } from './reading.ts';

/** Queries that can't be followed from a change to the keys that it touches, and why not. */

const read = await library();

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

import { beforeAll, describe, expect, test } from 'vitest';
import { askWhole } from '../../../src/ask/ask.ts';
import { type Bound, bind } from '../../../src/ask/bind.ts';
import { type Tx, transaction } from '../../../src/db/pool.ts';
import { keysVia } from '../../../src/watch/scope/keys.ts';
import { images, rolledBack, snapshot } from '../../property/case.ts';
import type { World } from '../../property/tables.ts';
import { type FreshDatabase, freshDatabase } from '../../support/database.ts';
import { keelOn } from '../../support/keel.ts';
import { broken, should } from '../binding.ts';

/**
 * Every class of query whose changes can be followed: a row of each of its tables that comes, moves from one key to another
 * and goes leads to exactly the keys concerned, the one that it came from included.
 */

const schema = `
  create table cust (id bigint primary key, bal numeric);
  create table acct (id bigint primary key, cust_id bigint, bal numeric);
  create table entry (id bigint primary key, acct_id bigint, amt numeric);
  create table hold (id bigint primary key, acct_id bigint, amt numeric);
  create table old (id bigint, acct_id bigint, amt numeric, primary key (id)) partition by hash (id);
  create table old_0 partition of old for values with (modulus 2, remainder 0);
  create table old_1 partition of old for values with (modulus 2, remainder 1);
  create view totals as select e.acct_id, sum(e.amt) as total from entry e group by e.acct_id;
  insert into cust values (10, 0), (20, 0);
  insert into acct values (1, 10, 5), (2, 20, 5);
  insert into entry values (1, 1, 5), (2, 1, 7), (3, 2, 5), (4, null, 5);
  insert into hold values (1, 1, 5), (2, 2, 7), (3, null, 5);
  insert into old values (1, 1, 5), (2, 2, 5);`;

/** Of each table: statements, and the accounts that they concern. */
const ofAccounts: Deeds = {
  acct: [
    ['insert into acct values (3, 10, 5)', ['3']],
    ['update acct set id = 3 where id = 1', ['1', '3']],
    ['delete from acct where id = 2', ['2']],
  ],
  ...Object.fromEntries(
    ['entry', 'hold', 'old'].map(name => [
      name,
      [
        [`insert into ${name} values (9, 2, 5)`, ['2']],
        [`update ${name} set acct_id = 2 where id = 1`, ['1', '2']],
        [`update ${name} set acct_id = null where id = 1`, ['1']],
        [`update ${name} set amt = 99 where id = 2`, name === 'entry' ? ['1'] : ['2']],
        [`delete from ${name} where id = 1`, ['1']],
      ],
    ]),
  ),
};

/** The same, and the customers that they concern. */
const ofCustomers: Deeds = {
  cust: [
    ['insert into cust values (30, 0)', ['30']],
    ['update cust set id = 30 where id = 10', ['10', '30']],
    ['delete from cust where id = 20', ['20']],
  ],
  acct: [
    ['insert into acct values (3, 10, 5)', ['10']],
    ['update acct set cust_id = 20 where id = 1', ['10', '20']],
    ['update acct set cust_id = null where id = 1', ['10']],
    ['delete from acct where id = 2', ['20']],
  ],
  entry: [
    ['insert into entry values (9, 2, 5)', ['20']],
    ['update entry set acct_id = 2 where id = 1', ['10', '20']],
    ['delete from entry where id = 1', ['10']],
    // The tables on the way change in the same transaction.
    ['update entry set acct_id = 2 where id = 1; delete from acct where id = 1', ['10', '20']],
    ['delete from entry where acct_id = 1; update acct set cust_id = 20 where id = 1', ['10', '20']],
  ],
};

type Deeds = Record<string, readonly (readonly [string, readonly string[]])[]>;

const accounts: Record<string, string> = {
  'group by, having': 'select acct_id as id from entry group by acct_id having sum(amt) > 5',
  'join and group by':
    'select a.id from acct a join entry e on e.acct_id = a.id group by a.id, a.bal having sum(e.amt) <> a.bal',
  'left join of a grouped sub-query':
    'select a.id from acct a left join (select acct_id, sum(amt) s from entry group by 1) e on e.acct_id = a.id where a.bal is distinct from e.s',
  'correlated sub-selects':
    'select a.id from acct a where (select sum(e.amt) from entry e where e.acct_id = a.id) <> coalesce((select max(amt) from hold where acct_id = a.id), 0)',
  'not exists': 'select a.id from acct a where not exists (select from entry e where e.acct_id = a.id)',
  exists: 'select a.id from acct a where exists (select from entry e where e.acct_id = a.id and e.amt > 5)',
  'in a grouped sub-query':
    'select a.id from acct a where a.id in (select acct_id from entry group by acct_id having count(*) > 1)',
  'union all': 'select acct_id as id from entry union all select acct_id from hold',
  union: 'select acct_id as id from entry union select acct_id from hold',
  intersect: 'select acct_id as id from entry intersect select acct_id from hold',
  except: 'select id from acct except select acct_id from hold',
  'a CTE used once':
    'with s as (select acct_id, sum(amt) t from entry group by acct_id) select a.id from acct a join s on s.acct_id = a.id where s.t <> a.bal',
  'a CTE used twice':
    'with s as (select acct_id, sum(amt) t from entry group by acct_id) select x.acct_id as id from s x join s y on x.acct_id = y.acct_id and x.t >= y.t',
  'a window over the key':
    'select distinct id from (select acct_id as id, row_number() over (partition by acct_id order by amt) n from entry) e where n > 1',
  'distinct on':
    'select id from (select distinct on (acct_id) acct_id as id, amt from entry order by acct_id, amt desc) d where amt > 5',
  'lateral … limit 1':
    'select a.id from acct a cross join lateral (select e.amt from entry e where e.acct_id = a.id order by e.amt desc limit 1) l where l.amt > 5',
  'a self-join':
    'select distinct x.acct_id as id from entry x join entry y on x.acct_id = y.acct_id and x.id < y.id',
  'a full join':
    'select coalesce(a.id, e.acct_id) as id from acct a full join (select distinct acct_id from entry) e on e.acct_id = a.id where a.id is null or e.acct_id is null',
  'a view':
    'select a.id from acct a left join totals t on t.acct_id = a.id where t.total is distinct from a.bal',
  'a partitioned table, and one of its partitions':
    'select acct_id as id from old union select acct_id from old_0',
};

const customers: Record<string, string> = {
  'a path over another table':
    'select c.id from cust c join acct a on a.cust_id = c.id join entry e on e.acct_id = a.id group by c.id having sum(e.amt) > 1',
  'the same out of sub-selects':
    'select c.id from cust c where exists (select from acct a where a.cust_id = c.id and (select sum(amt) from entry e where e.acct_id = a.id) > 5)',
  'the same through a CTE and a window':
    'with s as (select a.cust_id, row_number() over (partition by a.cust_id order by e.id) n from acct a join entry e on e.acct_id = a.id) select c.id from cust c where (select max(n) from s where s.cust_id = c.id) > 1',
};

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(`create schema p; set search_path = p; ${schema}`);
});

describe.each([
  { on: 'acct', deeds: ofAccounts, classes: accounts },
  { on: 'cust', deeds: ofCustomers, classes: customers },
])('keys of $on', ({ on, deeds, classes }) => {
  describe.each(['broken', 'should'] as const)('%s', form => {
    test.each(Object.entries(classes))('%s', async (_, sql) => {
      const text =
        form === 'broken'
          ? broken(on, sql)
          : should(on, `select id, count(*)::numeric as bal from (${sql}) q group by id`);
      const [invariant] = keelOn(db, { one: text }).invariants;
      const bound = await inTransaction(tx => bind(tx, invariant!, ['p']));
      expect(bound.scope.blind).toEqual([]);
      for (const { name } of bound.scope.reads) {
        for (const [deed, expected] of deeds[name] ?? [])
          expect([deed, ...(await rolledBack(db.pool, tx => touched(tx, bound, deed)))]).toEqual([
            deed,
            ...expected,
          ]);
      }
    });
  });
});

const inTransaction = <T>(work: (tx: Tx) => Promise<T>): Promise<T> =>
  transaction(db.pool, { statement: 10_000, schemas: ['p'] }, work);

/** The keys that the changed rows lead to; whatever the answer says of others must stay as it was. */
async function touched(tx: Tx, bound: Bound, deed: string): Promise<(string | null)[]> {
  const world = {
    tables: bound.scope.reads.map(({ name, columns }) => ({ name, columns })),
  } as unknown as World;
  const answer = async () => new Set((await askWhole(tx, bound)).map(key => key[0] ?? null));
  const before = { rows: await snapshot(tx, world), answer: await answer() };
  await tx.query(deed);
  const after = { rows: await snapshot(tx, world), answer: await answer() };
  const changes = images(before.rows, after.rows);
  const keys = new Set<string | null>();
  for (const path of bound.scope.paths)
    for (const key of await keysVia(tx, path, changes.get(path.relation.name) ?? []))
      keys.add(key[0] ?? null);
  for (const key of [...before.answer, ...after.answer])
    if (before.answer.has(key) !== after.answer.has(key)) expect([...keys]).toContain(key);
  keys.delete(null);
  return [...keys].sort((a, b) => (String(a) < String(b) ? -1 : 1));
}

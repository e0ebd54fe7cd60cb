import { beforeAll, describe, expect, test } from 'vitest';
import type { Balance } from '../../../src/watch/scope/balance.ts';
import { freshDatabase } from '../../support/database.ts';
import { bindOn, broken, should } from '../binding.ts';

/** Which invariants are recognised as sums that balance, and which only look like it. */

const db = await freshDatabase();
beforeAll(() =>
  db.sql(`
    create table shops (id int primary key, total numeric(12,2), sales int, rough numeric(12,1), wide numeric, name text);
    create table sales (id int primary key, shop_id int, amount numeric(12,2), pieces int, state text, weight float8, fine numeric);
    create table refunds (id int primary key, shop_id int, amount numeric(12,2));
    create table maybe (id int, total int);
    create unique index on maybe (id);
    create view every_sale as select * from sales;
    create table moves (id int primary key, source int, target int, pieces int)`),
);

async function balanceOf(text: string): Promise<Balance | undefined> {
  const { it } = await bindOn(db, { it: text });
  return it?.scope.balance;
}

/** `+sales.amount` …, by difference. */
const said = (balance: Balance | undefined) =>
  balance?.terms.map(
    ({ relation, key, amount, minus, where, difference }) =>
      `${difference}: ${minus ? '-' : '+'}${relation.name}(${key.join()}) ${'column' in amount ? amount.column : 'text' in amount ? amount.text : amount.is}${where.map(({ column, test: { is } }) => ` ${column} ${is}`).join('')}`,
  );

const join = 'from shops s left join sales l on l.shop_id = s.id';
const sub = (what: string, where = '') => `(select ${what} from sales l where l.shop_id = s.id${where})`;

describe('recognised', () => {
  const cases: Readonly<Record<string, readonly [string, readonly string[]]>> = {
    'a left join, grouped': [
      should(
        'shops',
        `select s.id, coalesce(sum(l.amount), 0) as total, count(l.id) as sales ${join} group by s.id`,
      ),
      ['0: +shops(id) total', '0: -sales(shop_id) amount', '1: +shops(id) sales', '1: -sales(shop_id) id'],
    ],
    'a condition in ON, and FILTER': [
      should(
        'shops',
        `select s.id, coalesce(sum(l.amount) filter (where l.pieces = 1), 0) as total ${join} and l.state = 'paid' group by s.id`,
      ),
      ['0: +shops(id) total', '0: -sales(shop_id) amount state one of pieces one of'],
    ],
    'correlated sub-selects': [
      should(
        'shops',
        `select s.id, coalesce(${sub('sum(l.amount * l.pieces)', ' and l.state is null')}, 0) as wide, ${sub('count(*)')} as sales from shops s`,
      ),
      [
        '0: +shops(id) wide',
        '0: -sales(shop_id) * state null',
        '1: +shops(id) sales',
        '1: -sales(shop_id) 1',
      ],
    ],
    'several tables': [
      should(
        'shops',
        `select s.id, ${sub('coalesce(sum(amount), 0)')} - (select coalesce(sum(r.amount), 0) from refunds r where r.shop_id = s.id) as total from shops s`,
      ),
      ['0: +shops(id) total', '0: -sales(shop_id) amount', '0: +refunds(shop_id) amount'],
    ],
    'one table twice': [
      should(
        'shops',
        `select id, (select coalesce(sum(pieces), 0) from moves where target = shops.id) - (select coalesce(sum(pieces), 0) from moves where source = shops.id) as sales from shops`,
      ),
      ['0: +shops(id) sales', '0: -moves(target) pieces', '0: +moves(source) pieces'],
    ],
    'broken, compared outside': [
      broken(
        'shops',
        `select id, said, there from (select id, sales + 1 as said, ${sub('count(*)')} + 1 as there from shops s) x where said <> x.there`,
      ),
      ['0: +shops(id) sales', '0: -sales(shop_id) 1'],
    ],
    'broken, compared at once': [
      broken(
        'shops',
        `select s.id from shops s where s.total is distinct from ${sub('coalesce(sum(amount), 0)')}`,
      ),
      ['0: +shops(id) total', '0: -sales(shop_id) amount'],
    ],
  };
  test.each(Object.entries(cases))('%s', async (_, [text, terms]) => {
    expect(said(await balanceOf(text))).toEqual(terms);
  });
});

describe('not recognised', () => {
  const cases: Readonly<Record<string, string>> = {
    'a sum that is NULL where there is nothing': should(
      'shops',
      `select s.id, sum(l.amount) as total ${join} group by s.id`,
    ),
    'count(*) of a left join': should('shops', `select s.id, count(*) as sales ${join} group by s.id`),
    'a NULL test in FILTER of a left join': should(
      'shops',
      `select s.id, count(*) filter (where l.state is null) as sales ${join} group by s.id`,
    ),
    'an inner join': should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 0) as total from shops s join sales l on l.shop_id = s.id group by s.id`,
    ),
    'two left joins': should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 0) as total ${join} left join refunds r on r.shop_id = s.id group by s.id`,
    ),
    'distinct sums': should(
      'shops',
      `select s.id, coalesce(sum(distinct l.amount), 0) as total ${join} group by s.id`,
    ),
    'floating point': should(
      'shops',
      `select s.id, coalesce(sum(l.weight), 0) as wide ${join} group by s.id`,
    ),
    'rounding when stored': should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 0) as rough ${join} group by s.id`,
    ),
    'unbounded digits, stored in few': should(
      'shops',
      `select s.id, coalesce(sum(l.fine), 0) as total ${join} group by s.id`,
    ),
    HAVING: should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 0) as total ${join} group by s.id having count(l.id) > 1`,
    ),
    'some of the governed': should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 0) as total ${join} where s.name is null group by s.id`,
    ),
    'a governed row in ON': should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 0) as total ${join} and s.name is null group by s.id`,
    ),
    'another link': should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 0) as total from shops s left join sales l on l.shop_id > s.id group by s.id`,
    ),
    'a view': should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 0) as total from shops s left join every_sale l on l.shop_id = s.id group by s.id`,
    ),
    'details alone': should(
      'shops',
      `select shop_id as id, coalesce(sum(amount), 0) as total from sales group by shop_id`,
    ),
    'a product of sums': should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 0) * 2 as wide ${join} group by s.id`,
    ),
    'coalesce to another number': should(
      'shops',
      `select s.id, coalesce(sum(l.amount), 1) as total ${join} group by s.id`,
    ),
    'an inequality': broken(
      'shops',
      `select s.id from shops s where s.total > ${sub('coalesce(sum(amount), 0)')}`,
    ),
    'two comparisons': broken(
      'shops',
      `select s.id from shops s where s.total <> ${sub('coalesce(sum(amount), 0)')} and s.sales = 1`,
    ),
    'a limit': broken(
      'shops',
      `select s.id from shops s where s.total <> ${sub('coalesce(sum(amount), 0)')} limit 1`,
    ),
    'a nullable key': should(
      'maybe',
      `select m.id, (select count(*) from sales l where l.shop_id = m.id) as total from maybe m`,
      '-- key: id\n',
    ),
    'a condition on what is governed': should(
      "shops where name = 'x'",
      `select s.id, coalesce(sum(l.amount), 0) as total ${join} group by s.id`,
    ),
    max: should('shops', `select s.id, coalesce(max(l.amount), 0) as total ${join} group by s.id`),
    'a window': should('shops', `select s.id, coalesce(sum(l.amount) over (), 0) as total ${join}`),
  };
  test.each(Object.entries(cases))('%s', async (_, text) => {
    expect(said(await balanceOf(text).catch(() => undefined))).toBeUndefined();
  });
});

/**
 * No heal newly breaks another invariant that can be asked by key: what it breaks and what heals itself is healed in the
 * same transaction, anything else rolls it back. Two heals at once: test/traps/02-write-skew.test.ts.
 */
import { expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { makeDue, stageOn } from '../support/stage.ts';

const heading = (form: string, says: string, on: string, rest = '') => `-- evenkeel: ${form}
-- says: ${says}
-- on: ${on}
-- grace: 0s
${rest}`;
const heals = '-- heal: set\n-- mode: heal\n';

const chain = {
  // Names against the order of the chain, so that it isn't the alphabet that gets it right.
  'z-line': heading(
    'should',
    'An amount is price times quantity',
    'lines',
    `${heals}select id, price * quantity as amount from lines`,
  ),
  'm-order': heading(
    'should',
    'An order totals its lines',
    'orders',
    `${heals}select o.id, coalesce(sum(l.amount), 0) as total from orders o left join lines l on l.order_id = o.id group by o.id`,
  ),
  'a-customer': heading(
    'should',
    'A customer sums up their orders',
    'customers',
    `${heals}select c.id, coalesce(sum(o.total), 0) as value from customers c left join orders o on o.customer_id = c.id group by c.id`,
  ),
};

/** 50 customers, each with two orders of two lines; everything right. */
async function shop(): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`
    create table customers (id int primary key, value numeric not null);
    create table orders (id int primary key, customer_id int not null references customers, total numeric not null);
    create table lines (id int primary key, order_id int not null references orders, price numeric not null,
                        quantity int not null, amount numeric not null);
    create index on orders (customer_id);
    create index on lines (order_id);
    insert into customers select g, 40 from generate_series(1, 50) g;
    insert into orders select g, (g + 1) / 2, 20 from generate_series(1, 100) g;
    insert into lines select g, (g + 1) / 2, 5, 2, 10 from generate_series(1, 200) g;
    analyze`);
  return db;
}

const states = (db: FreshDatabase) =>
  db.sql('select invariant, key, state, reason from evenkeel.violation order by invariant, key');

test('line, order total and customer value are healed in one transaction, each named by the one before', async () => {
  const db = await shop();
  const stage = await stageOn(db, chain);
  await stage.sweep();
  // The sums fit the wrong amount, so only the line is wrong; healing it breaks the order, and that one the customer.
  await db.sql(`begin;
    update lines set amount = 17 where id = 1; update orders set total = 27 where id = 1;
    update customers set value = 47 where id = 1; commit`);
  await stage.sweep();
  expect(await states(db)).toMatchObject([{ invariant: 'z-line' }]);
  expect(await stage.heal('z-line')).toMatchObject({ healed: 1, written: 1 });
  expect(
    await db.sql(
      `select invariant, table_name as at, key, before, after, because_of, unchecked from evenkeel.entry order by id`,
    ),
  ).toEqual([
    { ...line('z-line', 'lines'), before: { amount: '17' }, after: { amount: '10' }, because_of: null },
    { ...line('m-order', 'orders'), before: { total: '27' }, after: { total: '20' }, because_of: 'z-line' },
    {
      ...line('a-customer', 'customers'),
      before: { value: '47' },
      after: { value: '40' },
      because_of: 'm-order',
    },
  ]);
  expect(await db.sql('select distinct xid from evenkeel.entry')).toHaveLength(1);
  expect(await db.sql('select from customers where value <> 40')).toEqual([]);
});

const line = (invariant: string, table: string) => ({
  invariant,
  at: `public.${table}`,
  key: ['1'],
  unchecked: [],
});

test('what is healed on the way counts against the guard of its own invariant, too', async () => {
  const db = await shop();
  const tight = { ...chain, 'm-order': chain['m-order'].replace('-- grace', '-- guard: 1/hour\n-- grace') };
  const stage = await stageOn(db, tight);
  await stage.sweep();
  await db.sql(`begin;
    update lines set amount = 17 where id in (1, 5); update orders set total = 27 where id in (1, 3);
    update customers set value = 47 where id in (1, 2); commit`);
  await stage.sweep();
  await stage.heal('z-line');
  expect(await db.sql('select from lines where amount <> 10')).toHaveLength(1);
  expect(await db.sql(`select from evenkeel.entry where invariant = 'm-order'`)).toHaveLength(1);
  expect(await states(db)).toMatchObject([{ reason: expect.stringContaining('m-order') as string }]);
});

test('a heal that would break an invariant that only observes is rolled back and parked with its name', async () => {
  const db = await freshDatabase();
  await db.sql(`create table accounts (id int primary key, balance int, owed int, credit int);
    insert into accounts values (1, 10, 10, 5), (2, 10, 30, 50); analyze`);
  const stage = await stageOn(db, {
    balance: heading(
      'should',
      'A balance is what is owed',
      'accounts',
      `${heals}select id, owed as balance from accounts`,
    ),
    credit: heading(
      'broken',
      'Nobody is past their credit',
      'accounts',
      'select id from accounts where balance > credit and id = 3',
    ),
  });
  await db.sql('insert into accounts values (3, 0, 20, 5)');
  await stage.sweep();
  for (let i = 0; i < 2; i++) {
    await stage.heal('balance');
    await makeDue(db);
  }
  expect(await db.sql('select id, balance from accounts order by id')).toEqual([
    { id: 1, balance: 10 },
    { id: 2, balance: 30 },
    { id: 3, balance: 0 },
  ]);
  expect(await states(db)).toEqual([
    { invariant: 'balance', key: ['3'], state: 'parked', reason: 'it would break credit' },
  ]);
  expect(await db.sql('select text from evenkeel.alert')).toEqual([
    { text: 'balance: 1 parked: it would break credit' },
  ]);
});

test('what was broken before the heal is not laid at its door', async () => {
  const db = await freshDatabase();
  await db.sql(`create table accounts (id int primary key, balance int, owed int, credit int);
    insert into accounts values (1, 9, 20, 5); analyze`);
  await keelOn(db, {
    balance: heading(
      'should',
      'A balance is what is owed',
      'accounts',
      `${heals}select id, owed as balance from accounts`,
    ),
    credit: heading(
      'broken',
      'Nobody is past their credit',
      'accounts',
      'select id from accounts where balance > credit',
    ),
  }).once();
  expect(await db.sql('select balance from accounts')).toEqual([{ balance: 20 }]);
  expect(await states(db)).toMatchObject([{ invariant: 'credit', state: 'open' }]);
});

test('an invariant that can’t be asked by key is named in the journal as unchecked', async () => {
  const db = await shop();
  await db.sql('update lines set amount = 9 where id = 1');
  const global = heading(
    'broken',
    'No amount is more than the average by ten times',
    'lines',
    'select id from lines where amount > 10 * (select avg(amount) from lines)',
  );
  await keelOn(db, { 'z-line': chain['z-line'], global }).once();
  expect(await db.sql('select invariant, unchecked from evenkeel.entry')).toEqual([
    { invariant: 'z-line', unchecked: ['global'] },
  ]);
});

test('two invariants that undo each other are parked, both named, and neither commits', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key, a int); insert into t values (1, 3); analyze');
  const stage = await stageOn(db, {
    even: heading(
      'broken',
      'a is even',
      't',
      `${heals.replace('set', 'set a')}select id, a + 1 as a from t where a % 2 = 1`,
    ),
    odd: heading(
      'broken',
      'a is odd',
      't',
      `${heals.replace('set', 'set a')}select id, a + 1 as a from t where a % 2 = 0`,
    ),
  });
  await stage.sweep();
  await stage.heal('even');
  expect(await states(db)).toEqual([
    {
      invariant: 'even',
      key: ['1'],
      state: 'parked',
      reason: expect.stringMatching(/^(even and odd|odd and even) undo each other$/) as string,
    },
  ]);
  expect(await db.sql('select a from t')).toEqual([{ a: 3 }]);
  expect(await db.sql('select from evenkeel.entry')).toEqual([]);
  expect(await db.sql('select kind from evenkeel.alert')).toEqual([{ kind: 'oscillating' }]);
});

import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { width } from '../../src/cli/text.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { evenkeel, folder } from './run.ts';

const files = {
  'lifetime.sql':
    "-- evenkeel: should\n-- says: A customer's lifetime value is the sum of all lines of all orders\n-- on: customers\n" +
    'select c.id, coalesce(sum(l.amount), 0) as lifetime from customers c left join orders o on o.customer_id = c.id\n' +
    '  left join order_lines l on l.order_id = o.id group by c.id',
  'least.sql':
    '-- evenkeel: broken\n-- says: No order is below the least\n-- on: orders\n' +
    'select id from orders where total < (select min(least) from settings) and at < now()',
};

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(`create table customers (id bigint primary key, lifetime numeric, name text);
    create table orders (id bigint primary key, customer_id bigint, total numeric, at timestamptz);
    create table order_lines (id bigint primary key, order_id bigint, amount numeric);
    create table settings (id int primary key, least numeric);
    insert into customers select g, 0, 'c' from generate_series(1, 2000) g;
    insert into orders select g, 1 + g % 2000, 30 from generate_series(1, 6000) g;
    insert into order_lines select g, 1 + g % 6000, 10 from generate_series(1, 12000) g;
    create index on orders (customer_id); analyze`);
});

test('each table with its way to the key, the old columns that it needs, and what would make a slot tell them', async () => {
  const cwd = await folder(files);
  const { tables, unfollowed, asked, key } = (
    await evenkeel({ url: db.url, cwd }, 'explain', 'lifetime/42', '--json')
  ).json();
  expect(key).toEqual(['id']);
  expect(tables).toEqual([
    {
      table: 'public.customers',
      ways: [{ columns: ['id'], where: [], through: [] }],
      old: ['id'],
      untold: [],
      ddl: [],
    },
    {
      table: 'public.orders',
      ways: [{ columns: ['customer_id'], where: [], through: [] }],
      old: ['customer_id'],
      untold: ['customer_id'],
      ddl: ['alter table public.orders replica identity full'],
    },
    {
      table: 'public.order_lines',
      ways: [
        {
          columns: ['order_id'],
          where: [],
          through: [{ table: 'public.orders', enters: ['id'], leaves: ['customer_id'] }],
        },
      ],
      old: ['order_id'],
      untold: ['order_id'],
      ddl: ['alter table public.order_lines replica identity full'],
    },
  ]);
  expect(unfollowed.triggers).toEqual([]);
  expect(unfollowed.slot).toHaveLength(2);
  expect(asked.sample).toEqual({ key: ['42'], ms: expect.any(Number) });
  // The foreign key has no index, which nobody would see before it hurts.
  expect(asked.scans.find((one: { table: string }) => one.table === 'public.order_lines')).toMatchObject({
    how: 'Seq Scan',
    hint: 'reads all of public.order_lines: an index on ("order_id") would find the rows of one key',
  });
  for (const { ddl } of tables) for (const statement of ddl) await db.sql(statement);
  const mended = (await evenkeel({ url: db.url, cwd }, 'explain', 'lifetime', '--json')).json();
  expect(mended.unfollowed).toEqual({ triggers: [], slot: [] });
});

test('for eyes: in words, and what is swept with its reason', async () => {
  const cwd = await folder(files);
  const lifetime = (await evenkeel({ url: db.url, cwd }, 'explain', 'lifetime', '--verbose')).stdout;
  expect(lifetime).toContain('public.order_lines: order_id → public.orders.id → its customer_id\n');
  expect(lifetime).toMatch(/^ {2}sample +\d+: [\d.]+ ms$/m);
  expect(lifetime).toMatch(/\(cost=/);
  const { code, stdout } = await evenkeel({ url: db.url, cwd }, 'explain', 'least');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^least {2}found by sweeping\n/);
  expect(stdout).toContain('public.settings: leads to no key\n');
  expect(stdout).toContain('public.settings: no path of equal columns leads from it to id\n');
  expect(stdout).toMatch(/clock +changes with time too: asked every 1 min/);
  for (const line of stdout.split('\n')) expect(width(line)).toBeLessThanOrEqual(120);
});

test('needs SELECT and no more, works where nothing is installed, and leaves nothing behind', async () => {
  const cwd = await folder(files);
  const role = `reader_${db.name}`;
  await db.sql(`create role ${role} login password 'only-reads';
    grant select on customers, orders, order_lines to ${role}; alter role ${role} set default_transaction_read_only = on`);
  onTestFinished(async () => void (await db.sql(`drop owned by ${role}; drop role ${role}`)));
  const url = new URL(db.url);
  url.username = role;
  url.password = 'only-reads';
  const ran = await evenkeel({ url: url.href, cwd }, 'explain', 'lifetime', '--json');
  expect([ran.code, ran.json().name]).toEqual([0, 'lifetime']);
  expect(await db.sql(`select to_regnamespace('evenkeel') as schema`)).toEqual([{ schema: null }]);
  const refused = await evenkeel({ url: url.href, cwd }, 'explain', 'least');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('error[no-rights]')]);
});

test('says which names there are, and what a key has to look like', async () => {
  const cwd = await folder(files);
  const run = async (...args: string[]) => {
    const { code, stderr } = await evenkeel({ url: db.url, cwd }, 'explain', ...args);
    return [code, stderr.split('\n')[0]];
  };
  expect(await run('lifetme')).toEqual([
    1,
    "error[no-such]: there is no invariant 'lifetme'; did you mean 'lifetime'?",
  ]);
  expect(await run('lifetime', '1', '2')).toEqual([
    2,
    'error[wrong-use]: the key is (id): 2 parts were given',
  ]);
});

test('a look that takes too long is said, and so is a table without rows', async () => {
  const cwd = await folder({
    'slow.sql':
      '-- evenkeel: broken\n-- says: It is slow\n-- on: customers\nselect id, pg_sleep(20)::text as name from customers where id = 7',
    'none.sql': '-- evenkeel: broken\n-- says: None\n-- on: settings\nselect id from settings',
  });
  const slow = await evenkeel({ url: db.url, cwd }, 'explain', 'slow/7', '--timeout', '300ms');
  expect(slow.stdout).toMatch(/sample +7: longer than 300ms/);
  expect((await evenkeel({ url: db.url, cwd }, 'explain', 'none')).stdout).toMatch(/sample +none/);
});

test('a secret key stays secret, in the plan too', async () => {
  const cwd = await folder(files);
  const env = { EVENKEEL_SECRET_COLUMNS: 'id' };
  for (const more of ['--json', '--verbose']) {
    const { stdout } = await evenkeel({ url: db.url, cwd, env }, 'explain', 'lifetime/1234', more);
    expect(stdout).toContain('***');
    expect(stdout).not.toContain('1234');
  }
});

test('which rows are passed over, and where keys are asked only when their sums fall out of step', async () => {
  const cwd = await folder({
    'spent.sql':
      "-- evenkeel: should\n-- says: A shop's sum of paid sales\n-- on: shops\n" +
      'select s.id, coalesce(sum(l.amount), 0) as total from shops s left join sales l on l.shop_id = s.id and l.at is not null\n group by s.id',
  });
  await db.sql(`create table shops (id int primary key, total numeric); insert into shops select generate_series(1, 10);
    create table sales (id int generated always as identity primary key, shop_id int, amount numeric, at date);
    create index on sales (shop_id); insert into sales (shop_id, at) select 1 + g % 10, now() from generate_series(1, 50) g;
    analyze shops; analyze sales`);
  const run = (...args: string[]) => evenkeel({ url: db.url, cwd }, 'explain', 'spent', ...args);
  const cheap = (await run('--json')).json();
  expect(cheap.balanced).toBe(false);
  expect(cheap.tables[1].ways).toEqual([{ columns: ['shop_id'], where: ['"at" is not null'], through: [] }]);
  expect((await run()).stdout).toContain('where "at" is not null');

  await db.sql(
    `insert into sales (shop_id, at) select 1 + g % 10, now() from generate_series(1, 50000) g; analyze sales`,
  );
  expect((await run('--json')).json().balanced).toBe(true);
  expect((await run()).stdout).toContain('did not keep in step');
});

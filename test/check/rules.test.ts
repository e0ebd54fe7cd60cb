import { beforeAll, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { type Asked, asked, brief } from './asked.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(`create type size as enum ('small', 'large');
    create table customers (id int primary key, email text not null unique, tier text not null check (tier in ('free', 'pro')));
    create table orders (id int primary key, customer_id int not null references customers, referrer_id int references customers,
      status text not null check (status in ('open', 'paid', 'void')), plan text check (plan in ('free', 'pro')), size size,
      rating real, weight double precision, total numeric not null, note text, at timestamptz not null, due date not null,
      seen timestamp, "odd ""name""" text not null);
    create table lines (order_id int references orders, nr int not null, sku text not null, cents int not null, weight double precision,
      primary key (order_id, nr));
    create table loose (a int, b int not null, note text);
    create table later (id int primary key, customer_id int not null);
    alter table later add constraint not_yet foreign key (customer_id) references customers not valid;
    create function rate(int) returns numeric stable language sql as 'select max(total) from orders where id = $1';
    create function twice(int) returns int immutable language sql as 'select 2 * $1'`);
});

/** Without what the prover can't tell: that is no concern of these rules. */
const ask = async (sql: string, more?: Asked) =>
  brief(await asked(db, sql, more)).filter(one => !one.startsWith('EK101 undecided'));

test.each<[string, string[], Asked?]>([
  // EK104
  [
    "select id, case status when 'open' then 1 when 'paid' then 2 end as x from orders",
    ["EK104 warning case status when 'open' then 1 when 'paid' then 2 end"],
  ],
  [
    "select id, case when size = 'small' then 1 when size = 'large' then 2 end as x from orders",
    ["EK104 warning case when size = 'small' then 1 when size = 'large' then 2 end"],
  ],
  // EK103 beyond WHERE
  ["select id, case status when 'payd' then 1 else 2 end as x from orders", ["EK103 error 'payd'"]],
  [
    "select o.id from orders o left join customers c on c.id = o.customer_id and c.tier = 'por'",
    ["EK103 error c.tier = 'por'"],
  ],
  [
    "select customer_id as id, count(*) filter (where 'opn' = status) as x from orders group by customer_id",
    ["EK103 error 'opn' = status"],
  ],
  // EK105
  [
    'select o.id from orders o left join customers c on c.id = o.customer_id where c.id is null',
    ['EK105 info c.id is null'],
  ],
  [
    'select o.id from orders o left join customers c on o.referrer_id = c.id where c.id is null and o.referrer_id is not null',
    ['EK105 info c.id is null'],
  ],
  [
    'select id from orders o where not exists (select from customers c where c.id = o.customer_id)',
    ['EK105 info not exists (select from customers c where c.id = o.customer_id)'],
  ],
  [
    'select id from orders where referrer_id not in (select id from customers)',
    ['EK105 info referrer_id not in (select id from customers)'],
  ],
  [
    'select min(id) as id, email from customers group by email having count(*) > 1',
    ['EK105 info count(*) > 1'],
    { on: 'customers' },
  ],
  ['select id from orders where status is null', ['EK105 info status is null']],
  // EK202
  [
    'select id from customers where id not in (select referrer_id from orders)',
    ['EK202 warning id not in (select referrer_id from orders)'],
    { on: 'customers' },
  ],
  [
    "select id from customers where id <> all (select referrer_id from orders where status = 'open')",
    ["EK202 warning id <> all (select referrer_id from orders where status = 'open')"],
    { on: 'customers' },
  ],
  [
    'select id from customers where id not in (select o.id from customers c left join orders o on o.customer_id = c.id)',
    ['EK202 warning id not in (select o.id from customers c left join orders o on o.customer_id = c.id)'],
    { on: 'customers' },
  ],
  // EK301
  ['select id from orders where random() < 0.5', ['EK301 warning random()']],
  ['select id from orders where note = current_user', ['EK301 warning current_user']],
  [
    "select id from orders where note = current_setting('work_mem')",
    ["EK301 warning current_setting('work_mem')"],
  ],
  ['select id from orders where at::date = due', ['EK301 warning at::date']],
  [
    "select id from orders where date_trunc('day', at) = seen",
    ["EK301 warning date_trunc('day', at) = seen", "EK301 warning date_trunc('day', at)"],
  ],
  ['select id from orders where at < current_date', ['EK301 warning at < current_date']],
  ['select id from orders where total > rate(id)', ['EK301 warning rate(id)']],
  ['select id, now() as seen from orders', ['EK301 warning now()'], { form: 'should' }],
  [
    'select id, greatest(at, now()) as at from orders',
    ['EK301 warning greatest(at, now())'],
    { form: 'should' },
  ],
  // EK302
  ['select id from orders order by at limit 10', ['EK302 warning 10']],
  ['select id from orders limit 10', ['EK302 warning 10']],
  ['select distinct on (customer_id) id from orders order by customer_id, at', ['EK302 warning customer_id']],
  [
    'select id, (select l.sku from lines l where l.order_id = o.id order by l.cents limit 1) as note from orders o',
    ['EK302 warning 1'],
    { form: 'should' },
  ],
  // EK303
  [
    "select order_id as id, string_agg(sku, ',') as note from lines group by order_id",
    ["EK303 warning string_agg(sku, ',')"],
    { form: 'should' },
  ],
  [
    'select order_id as id, array_agg(sku order by cents) as x from lines group by order_id',
    ['EK303 warning array_agg(sku order by cents)'],
  ],
  [
    'select order_id as id, sum(weight) as weight from lines group by order_id',
    ['EK303 warning sum(weight)'],
    { form: 'should' },
  ],
  [
    'select o.id, (select sum(l.weight) from lines l where l.order_id = o.id) as x from orders o',
    ['EK303 warning sum(l.weight)'],
  ],
  // EK304
  ['select id from orders where weight = total', ['EK304 warning weight = total']],
  ['select id from orders where rating = 0.1', ['EK304 warning rating = 0.1']],
  [
    'select id from orders where weight is distinct from rating',
    ['EK304 warning weight is distinct from rating'],
  ],
  ['select id, weight * 2 as weight from orders', ['EK304 warning weight * 2'], { form: 'should' }],
])('%s: found', async (sql, expected, more) => {
  expect(await ask(sql, more)).toEqual(expected);
});

test.each<[string, Asked?]>([
  // EK104: an ELSE, all of them, no end to them, NULL on purpose
  ["select id, case status when 'open' then 1 when 'paid' then 2 else 3 end as x from orders"],
  ["select id, case status when 'open' then 1 when 'paid' then 2 when 'void' then 3 end as x from orders"],
  ["select id, case note when 'a' then 1 when 'b' then 2 end as x from orders"],
  [
    "select customer_id as id, count(case when status = 'open' then 1 when status = 'paid' then 2 end) as x from orders group by 1",
  ],
  // EK105: what no constraint forbids
  ['select o.id from orders o left join customers c on c.id = o.referrer_id where c.id is null'],
  [
    "select o.id from orders o left join customers c on c.id = o.customer_id and c.tier = 'pro' where c.id is null",
  ],
  [
    'select o.id from later o left join customers c on c.id = o.customer_id where c.id is null',
    { on: 'later' },
  ],
  ['select min(id) as id, tier from customers group by tier having count(*) > 1', { on: 'customers' }],
  ['select min(id) as id, referrer_id from orders group by referrer_id having count(*) > 1'],
  ['select o.id from orders o left join lines l on l.order_id = o.id where l.nr is null'],
  // EK202
  ['select id from customers where id not in (select customer_id from orders)', { on: 'customers' }],
  [
    'select id from customers where id not in (select referrer_id from orders where referrer_id is not null)',
    { on: 'customers' },
  ],
  [
    'select id from customers where id not in (select referrer_id from orders where referrer_id > 0)',
    { on: 'customers' },
  ],
  ['select id from customers where id in (select referrer_id from orders)', { on: 'customers' }],
  [
    'select id from customers c where not exists (select from orders o where o.referrer_id = c.id)',
    { on: 'customers' },
  ],
  // EK301: that time goes by is no fault; nor is a zone that is named, or what changes nothing
  ["select id from orders where at < now() - interval '1 hour'"],
  ["select id from orders where at + interval '1 hour' < clock_timestamp()"],
  ['select id from orders where due < current_date'],
  ["select id from orders where (at at time zone 'UTC')::date = due"],
  ["select id, now() as seen from orders where at < now() - interval '1 day'"],
  [
    "select id, case when due < current_date then 'late' else 'fine' end as note from orders",
    { form: 'should' },
  ],
  ['select id from orders where twice(id) = 4'],
  ["select id from orders where size::text = 'small'"],
  ["select id from orders where concat(status, note) = 'openx'"],
  // EK302
  ['select id from orders order by at, id limit 10'],
  ['select id from orders order by 1 desc limit 10'],
  ['select max(id) as id from orders limit 1'],
  ['select distinct on (customer_id) id from orders order by customer_id, at, id'],
  [
    'select id, (select l.sku from lines l where l.order_id = o.id order by l.cents, l.nr limit 1) as note from orders o',
    { form: 'should' },
  ],
  [
    'select id, (select l.cents from lines l where l.order_id = o.id order by l.cents limit 1) as x from orders o',
  ],
  ['select id from orders o where exists (select from lines l where l.order_id = o.id limit 1)'],
  ['select id from orders order by at fetch first 3 rows with ties'],
  [
    'select l.order_id as id from lines l join orders o on o.id = l.order_id order by l.order_id, l.nr limit 3',
  ],
  // EK303
  [
    "select order_id as id, string_agg(sku, ',' order by nr) as note from lines group by order_id",
    { form: 'should' },
  ],
  [
    "select order_id as id, string_agg(sku, ',' order by sku) as note from lines group by order_id",
    { form: 'should' },
  ],
  ['select order_id as id, array_agg(distinct sku) as x from lines group by order_id'],
  ['select order_id as id, sum(cents) as x, max(weight) as y from lines group by order_id'],
  [
    "select id, string_agg(sku, ',') as x from (select order_id as id, sku from lines order by sku) s group by id",
  ],
  // EK304
  ['select id from orders where weight > 0.5 and weight is not null'],
  ['select id from orders where weight = 0 and total = 0.1'],
  ['select id from orders where abs(weight - rating) > 0.01 and weight is not null and rating is not null'],
  ['select id, weight from orders', { form: 'should' }],
])('%s: nothing to find', async (sql, more) => {
  expect(await ask(sql, more)).toEqual([]);
});

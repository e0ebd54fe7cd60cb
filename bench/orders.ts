import type { Stage } from './stage.ts';

/** Orders with lines and customers, as in any shop: `orders` rows, three lines each, ten orders a customer. */
export async function loadOrders(stage: Stage, orders: number, linesEach = 3): Promise<void> {
  await stage.sql(`
    drop table if exists lines, orders, customers cascade;
    create table customers (id bigint primary key, spent numeric not null default 0, large boolean not null default false);
    create table orders (id bigint primary key, customer_id bigint not null, total numeric not null default 0);
    create table lines (id bigint primary key, order_id bigint not null, price numeric not null);
    insert into lines select g, 1 + (g - 1) / ${linesEach}, (g % 100) + 0.5 from generate_series(1, ${orders * linesEach}) g;
    insert into orders select id, 1 + id / 10, t from (select order_id as id, sum(price) as t from lines group by 1) x;
    insert into customers (id, spent) select customer_id, sum(total) from orders group by 1;
    create index on lines (order_id);
    create index on orders (customer_id);`);
  await stage.sql('vacuum analyze lines, orders, customers');
}

export const orderTotal = `-- evenkeel: should
-- says: An order's total is the sum of its lines
-- on: orders
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select o.id, coalesce(sum(l.price), 0) as total
  from orders o left join lines l on l.order_id = o.id group by o.id`;

export const customerSpent = `-- evenkeel: should
-- says: A customer's spending is the sum of the orders
-- on: customers
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select c.id, coalesce(sum(o.total), 0) as spent
  from customers c left join orders o on o.customer_id = c.id group by c.id`;

export const customerLarge = `-- evenkeel: should
-- says: A customer is large once an order is
-- on: customers
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select c.id, coalesce(bool_or(o.total > 1000), false) as large
  from customers c left join orders o on o.customer_id = c.id group by c.id`;

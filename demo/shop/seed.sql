-- A shop with a past, in which everything is right: the rows first, then what counts them, the indexes last.
-- Deterministic, and without the foreign keys' checks (what is made here fits), so that it takes a second.
set session_replication_role = replica;
set synchronous_commit = off;

create function pg_temp.pick(seed int, salt int, n int) returns int language sql immutable as
  $$ select 1 + ((seed::bigint * 2654435761 + salt::bigint * 40503 * 65537) % 4294967291 / 7 % n)::int $$;

insert into trading_days select current_date - n from generate_series(0, 364) n;

insert into categories select n, (array['Tea', 'Bread', 'Lamps', 'Chairs', 'Boots', 'Maps'])[1 + n % 6] || ' ' || n
  from generate_series(1, 40) n;

-- Product n costs n cents and a euro; an order's lines follow from its number.
insert into order_lines (order_id, product_id, sold_on, quantity, cents)
select o, pg_temp.pick(o, line, 12000), current_date - (364 - o * 364 / 20000), q, q * (100 + pg_temp.pick(o, line, 12000))
  from generate_series(1, 20000) o
  cross join lateral generate_series(1, 1 + o % 4) line
  cross join lateral (select 1 + (o + line) % 3 as q) q;

insert into orders
select order_id, pg_temp.pick(order_id, 9, 20000), case when order_id > 16000 then 'placed' else 'shipped' end,
       min(sold_on), sum(cents)
  from order_lines group by 1;

insert into customers
select n, (array['Ada', 'Alan', 'Barbara', 'Edsger', 'Frances', 'Grace', 'Jim', 'Leslie'])[1 + n % 8] || ' ' || n,
       count(o.id), coalesce(sum(o.total_cents), 0)
  from generate_series(1, 20000) n left join orders o on o.customer_id = n
 group by n;

insert into stock_movements (product_id, quantity, why)
select n, 1000, 'opening' from generate_series(1, 12000) n
union all
select product_id, -quantity, 'order ' || order_id from order_lines where order_id <= 16000;

insert into products
select n, 1 + n % 40, 'Product ' || n, 100 + n, m.quantity, coalesce(l.quantity, 0)
  from generate_series(1, 12000) n
  join (select product_id, sum(quantity) as quantity from stock_movements group by 1) m on m.product_id = n
  left join (select product_id, sum(quantity) as quantity from order_lines where order_id > 16000 group by 1) l
       on l.product_id = n;

insert into payments
select id, id, total_cents, case status when 'shipped' then 'captured' else 'pending' end from orders;

insert into subscriptions
select n, pg_temp.pick(n, 10, 20000), plan, cents, case when n % 10 = 0 then 'cancelled' else 'active' end
  from generate_series(1, 30000) n
  join (values (0, 'basic', 900), (1, 'pro', 2900), (2, 'team', 9900)) p (i, plan, cents) on i = n % 3;

insert into billing_mirror select id, customer_id, plan, cents, status from subscriptions;

insert into memberships
select n, pg_temp.pick(n, 11, 20000), tier, cents
  from generate_series(1, 400) n
  join (values (0, 'friend', 500), (1, 'patron', 2500)) t (i, tier, cents) on i = n % 2;

insert into provider.memberships select id, tier, cents from memberships;

insert into daily_sales
select c.id, d.day, coalesce(l.units, 0), coalesce(l.cents, 0)
  from categories c cross join trading_days d
  left join (select p.category_id, l.sold_on, sum(l.quantity) as units, sum(l.cents) as cents
               from order_lines l join products p on p.id = l.product_id group by 1, 2) l
       on l.category_id = c.id and l.sold_on = d.day;

set session_replication_role = default;
create index on products (category_id);
create index on stock_movements (product_id);
create index on orders (customer_id);
create index on order_lines (order_id);
create index on order_lines (product_id);
create index on order_lines (sold_on);
create index on payments (order_id);
analyze;

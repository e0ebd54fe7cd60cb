-- A shop as it grows in real life: numbers kept beside the rows that they count, a copy for the billing service,
-- a roll-up for the charts. Foreign keys where shops have them; where they haven't, orphans can happen.

create table customers (
  id int primary key,
  name text not null,
  orders_count int not null default 0,          -- of its orders
  lifetime_cents bigint not null default 0      -- the sum of its orders' totals
);

create table categories (id int primary key, name text not null);

create table products (
  id int primary key,
  category_id int not null references categories,
  name text not null,
  price_cents int not null,
  on_hand int not null default 0,               -- the sum of its movements
  reserved int not null default 0               -- what placed orders wait for
);

create table stock_movements (
  id bigint generated always as identity primary key,
  product_id int not null references products,
  quantity int not null,
  why text not null
);

create table orders (
  id int primary key,
  customer_id int not null references customers,
  status text not null check (status in ('placed', 'shipped')),
  placed_on date not null,
  total_cents bigint not null default 0         -- the sum of its lines
);

create table order_lines (
  id bigint generated always as identity primary key,
  order_id int not null references orders,
  product_id int not null references products,
  sold_on date not null,
  quantity int not null check (quantity > 0),
  cents bigint not null
);

create table payments (                         -- of an order, without a foreign key: once a service of its own
  id int primary key,
  order_id int not null,
  cents bigint not null,
  status text not null check (status in ('pending', 'capturing', 'captured')),
  claimed_by text,
  claimed_at timestamptz
);

create table subscriptions (
  id int primary key,
  customer_id int not null references customers,
  plan text not null,
  cents int not null,
  status text not null check (status in ('active', 'cancelled'))
);

create table billing_mirror (            -- the billing service's copy of the above
  id int primary key,
  customer_id int not null,
  plan text not null,
  cents int not null,
  status text not null
);

create table memberships (               -- paid at a payment provider, whose webhooks bring them here
  id int primary key,
  customer_id int not null references customers,
  tier text not null,
  cents int not null
);

create schema provider;                  -- the provider's own books; the shop, and Evenkeel, only know its API
create table provider.memberships (
  id int primary key,
  tier text not null,
  cents int not null
);

create table trading_days (day date primary key);

create table daily_sales (                    -- roll-up: what each category sold on each day
  category_id int not null,
  day date not null,
  units bigint not null,
  cents bigint not null,
  primary key (category_id, day)
);

-- So that a slot tells where a row that moves or goes came from; `evenkeel explain` says which tables need it.
alter table orders replica identity full;
alter table order_lines replica identity full;
alter table products replica identity full;
alter table stock_movements replica identity full;
alter table payments replica identity full;

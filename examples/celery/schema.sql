create table orders (
  id int primary key,
  email text not null,
  total numeric(10, 2) not null,
  paid_at timestamptz,
  receipt_sent_at timestamptz
);

create table invoices (
  order_id int primary key references orders,
  number text not null unique,
  made_at timestamptz not null default now()
);

-- What the mail service was asked for; its own key of idempotency makes a second mail of the same kind impossible.
create table outbox (
  idempotency_key text primary key,
  order_id int not null,
  email text not null,
  sent_at timestamptz not null default now()
);

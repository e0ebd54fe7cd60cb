-- Stock and general ledger of an ERP (ERPNext's schema, shortened).

create table accounting_periods (
  name text primary key,
  ends_before timestamptz not null,
  closed boolean not null default false
);

create table stock_ledger_entries (
  id bigint generated always as identity primary key,
  item_code text not null,
  warehouse text not null,
  posting_at timestamptz not null,
  actual_qty numeric(21, 9) not null,
  qty_after_transaction numeric(21, 9),
  stock_queue jsonb,                                -- [[quantity, rate], …]: what lies there, oldest first
  voucher_no text not null,
  is_cancelled boolean not null default false
);
create index on stock_ledger_entries (item_code, warehouse, posting_at, id);

create table bins (
  item_code text not null,
  warehouse text not null,
  actual_qty numeric(21, 9) not null default 0,
  reserved_qty numeric(21, 9) not null default 0,
  primary key (item_code, warehouse)
);

create table vouchers (
  voucher_no text primary key,
  posting_date date not null
);

create table gl_entries (
  id bigint generated always as identity primary key,
  voucher_no text not null references vouchers,
  account text not null,
  debit numeric(21, 2) not null default 0,
  credit numeric(21, 2) not null default 0
);
create index on gl_entries (voucher_no);

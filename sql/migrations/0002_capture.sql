-- Capture: how changes are told, up to where they were looked at, and what broke what.

create table evenkeel.capture (       -- one row
  id boolean primary key default true check (id),
  kind text not null default 'sweeps' check (kind in ('slot', 'triggers', 'sweeps')),
  why text not null default 'no process captures yet',
  since timestamptz,                  -- changes are told without a gap since
  position numeric,                   -- everything up to here was looked at, or is kept in evenkeel.suspect
  verified_at timestamptz,            -- so was every change committed until then
  waiting bigint not null default 0,  -- suspects and look-ups in memory
  gap_at timestamptz,                 -- the last time that changes were lost, or may have been
  gap_why text,
  slot jsonb                          -- the slot that tells them, and the tables as it knows them; src/watch/capture/slot/memory.ts
);
insert into evenkeel.capture default values;

create table evenkeel.suspect (       -- those that wait for longer than a slot should
  invariant text not null,
  key text[] not null,
  since timestamptz not null,         -- when the change was committed
  cause jsonb not null,
  primary key (invariant, key)
);

alter table evenkeel.violation add column cause jsonb;  -- the transaction that broke it; null: found by looking at everything
alter table evenkeel.entry add column cause jsonb;

alter table evenkeel.invariant
  add column backed_by text not null default 'sweeps' check (backed_by in ('capture', 'sweeps')),
  add column unfollowed text[] not null default '{}',   -- why changes can't be followed: 'table: reason'
  add column verified_at timestamptz,                   -- changes committed until then were looked at
  add column stale_since timestamptz,                   -- changes may have been missed: until a pass begun later is complete
  add column stale_why text,
  add column escapes int not null default 0,            -- violations that only a sweep found, though capture should have
  add column escaped_at timestamptz;

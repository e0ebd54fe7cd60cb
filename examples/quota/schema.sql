-- The truth: what runs.
create table jobs (
  id bigint generated always as identity primary key,
  account int not null,
  state text not null default 'running' check (state in ('running', 'done'))
);
create index on jobs (account) where state = 'running';

-- What Redis says, as read last: `quota-mirror` keeps it.
create table quota (
  key text primary key,
  value text not null
);

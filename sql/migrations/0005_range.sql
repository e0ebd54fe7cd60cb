-- Bursts: where many neighbouring keys changed, the range that holds them is swept instead of asking of each.

create table evenkeel.range (
  id bigint generated always as identity primary key,
  invariant text not null,
  after_key text[] not null,          -- exclusive; moves on with the sweep
  up_to text[] not null,              -- inclusive
  keys bigint not null,               -- about so many changed in it
  since timestamptz not null,         -- when the oldest of the changes was committed
  cause jsonb not null,               -- the transaction that changed the most of them
  noted_at timestamptz not null default clock_timestamp()
);
create index range_invariant on evenkeel.range (invariant, id);

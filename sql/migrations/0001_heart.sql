-- The heart: what is declared, what is wrong, what was done about it, and the brakes.
-- Everything that a person sees in the CLI is a plain table or view here.
-- Timings use clock_timestamp(): a heal's transaction is short, but its start isn't its end.

create table evenkeel.home (          -- where this ledger lives; a clone differs and only observes
  system_identifier bigint not null,
  database text not null,
  host text not null,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (system_identifier, database, host)
);

create table evenkeel.brake (         -- one row: pulled means that nothing is written
  id boolean primary key default true check (id),
  pulled_at timestamptz,
  pulled_by text
);
insert into evenkeel.brake default values;

-- Every heal holds this lock shared until it has committed: when stop() returns, nothing more is written.
create function evenkeel.stop() returns text language sql as $$
  select pg_advisory_xact_lock(4526, 0);
  update evenkeel.brake set pulled_at = coalesce(pulled_at, clock_timestamp()), pulled_by = coalesce(pulled_by, session_user);
  select 'stopped: no heal commits until select evenkeel.start()'
$$;
create function evenkeel.start() returns text language sql as $$
  update evenkeel.brake set pulled_at = null, pulled_by = null;
  select 'started'
$$;

create table evenkeel.lease (         -- leadership with a fencing token; never a session lock
  name text primary key,
  holder uuid not null,
  fence bigint not null default 1,
  expires_at timestamptz not null
);

create table evenkeel.process (       -- who is alive, and which definitions it carries
  id uuid primary key,
  host text not null,
  pid int not null,
  version text not null,
  started_at timestamptz not null default clock_timestamp(),
  heartbeat_at timestamptz not null default clock_timestamp(),
  definitions jsonb not null          -- {invariant: hash}
);

create table evenkeel.definition (    -- when each wording was first seen: the newest living one wins
  invariant text not null,
  hash text not null,
  first_seen_at timestamptz not null default clock_timestamp(),
  primary key (invariant, hash)
);

create table evenkeel.invariant (
  name text primary key,
  hash text not null,                 -- the definition in force
  says text not null,
  on_table text not null,             -- schema-qualified and quoted
  key text[] not null,
  heal text not null,                 -- as declared; '' where a person decides
  mode text not null check (mode in ('observe', 'heal')),
  guard int,                          -- rows an hour; null: none
  in_force_since timestamptz not null default clock_timestamp(),
  retired_at timestamptz,             -- no living process declares it
  held_at timestamptz,                -- observing until a person says resume
  held_why text,
  failed_at timestamptz,              -- its query failed the last time it was asked
  failed_why text,
  cursor text[],                      -- the running sweep has looked at every key up to here
  pass_started_at timestamptz,
  pass_rows bigint not null default 0,
  pass_found bigint not null default 0,
  pass_busy_ms double precision not null default 0,
  proved_at timestamptz,              -- every row looked at since (start of the last full pass)
  passes bigint not null default 0,
  found bigint,                       -- broken rows that the last full pass met, listed or not
  last_pass_ms double precision,      -- wall time
  last_busy_ms double precision,      -- time spent in the database
  chunk_rows int not null default 1000,
  next_pass_at timestamptz not null default clock_timestamp()
);
comment on column evenkeel.invariant.proved_at is 'every row was looked at since';

create table evenkeel.pulse (         -- a minute of an invariant's life: guards, floods, sparklines
  invariant text not null,
  minute timestamptz not null,
  opened int not null default 0,
  cleared int not null default 0,
  healed int not null default 0,
  written int not null default 0,     -- rows, cascades counted: what the guard counts
  primary key (invariant, minute)
);

create table evenkeel.violation (     -- the ledger is the queue; states: src/find/states.ts
  id bigint generated always as identity,
  invariant text not null,
  key text[] not null,
  state text not null,
  kind text not null check (kind in ('differs', 'missing', 'extra', 'broken')),
  evidence jsonb not null,            -- column → what is, as text
  wanted jsonb not null,              -- column → what should be, as text
  opened_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null,
  attempts int not null default 0,
  reason text,
  decided_by text,
  primary key (invariant, key)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);
create unique index violation_id on evenkeel.violation (id);
create index violation_due on evenkeel.violation (invariant, due_at) where state in ('open', 'approved');
create index violation_approved on evenkeel.violation (invariant) where state = 'approved';

create table evenkeel.entry (         -- the journal: append-only
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  xid xid8 not null default pg_current_xact_id(),
  invariant text not null,
  hash text not null,
  action text not null check (action in ('set', 'insert', 'append', 'remove', 'effect', 'undo')),
  table_name text not null,           -- schema-qualified and quoted
  key text[] not null,                -- of the row that was written, in the order of key_columns
  key_columns text[] not null,
  before jsonb,                       -- column → text; null: no such row
  after jsonb,
  subject text[] not null,            -- the violation's key
  opened_at timestamptz,
  decided_by text not null,
  because_of text,                    -- the invariant whose heal set this one off
  unchecked text[] not null default '{}',
  undoes bigint,                      -- the entry that this one reverses
  undone_by bigint
);
create index entry_key on evenkeel.entry (key, id);
create index entry_subject on evenkeel.entry (subject, id) where key <> subject;
create index entry_at on evenkeel.entry using brin (at);

create table evenkeel.leave (         -- subjects that are left alone: undone, or held by a person
  invariant text not null,
  key text[] not null,
  at timestamptz not null default clock_timestamp(),
  by text not null,
  entry bigint,                       -- the undo; null: held by a person
  restored jsonb,                     -- left alone while these columns hold this; null: no such row, or held
  primary key (invariant, key)
);

create table evenkeel.alert (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  kind text not null,                 -- held, parked, oscillating, overdue, clone
  invariant text,
  text text not null,
  sent_at timestamptz,
  attempts int not null default 0,
  next_try_at timestamptz not null default clock_timestamp()
);
create index alert_unsent on evenkeel.alert (next_try_at) where sent_at is null;

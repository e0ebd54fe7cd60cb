-- The queue of trigger capture: what statements of the application changed, appended by the triggers that
-- `evenkeel install --triggers` creates (src/watch/capture/trigger/ddl.ts). Only ever appended to and deleted from: nothing in it
-- makes two of the application's transactions meet.

create table evenkeel.change (        -- one row a statement
  xid xid8 not null default pg_current_xact_id(),
  id bigint generated always as identity,
  at timestamptz not null default clock_timestamp(),
  relation oid not null,              -- a partition, where the statement was aimed at one
  operation text not null,
  columns text[],
  images text[],                      -- [column][row], as text; null: any row may have changed
  why text,
  role text not null default case current_setting('role') when 'none' then session_user else current_setting('role') end,
  application text not null default current_setting('application_name'),
  -- By transaction: readers go on from the snapshot that they last saw, past everything that is deleted but not vacuumed.
  primary key (xid, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000,
        toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 2000, toast.autovacuum_vacuum_cost_delay = 0);

-- Counts statements whose changes could not be appended at all. A sequence needs no room on the disk, and waits for nobody.
create sequence evenkeel.change_lost minvalue 0 start 0;

create table evenkeel.watched (       -- what trigger capture has told everything of, as it was then
  relation oid primary key,           -- 0: change_lost
  fingerprint text not null
);

-- Bytes; a queue that nobody reads stops growing there.
create function evenkeel.change_most() returns bigint language sql immutable as 'select 1000000000::bigint';

-- Called by a trigger that failed. Any row of the table may have changed; if not even that can be appended, of all tables.
create function evenkeel.change_missed(relation oid, operation text, state text, message text) returns void
  language plpgsql as $$
begin
  -- No room (53), or somebody's lock (55): the next try would fail alike, and wait once more.
  if state !~ '^5[35]' then
    begin
      insert into evenkeel.change (relation, operation, why)
      -- Messages of other classes may hold values.
      values (relation, operation, case when state like '42%' then message else 'its trigger failed' end || ' (' || state || ')');
      return;
    exception when others then null;
    end;
  end if;
  perform nextval('evenkeel.change_lost');
  -- All is swept once this transaction has ended: nothing more needs to be told of it.
  perform set_config('evenkeel.told', 'lost', true);
end $$;
revoke all on function evenkeel.change_missed from public;

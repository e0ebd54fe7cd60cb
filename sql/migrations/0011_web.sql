-- What the dashboard reads: pages of a million entries, and who decided what.

-- Pages of one invariant's entries, and how long its last heals took.
create index entry_invariant on evenkeel.entry (invariant, id);
-- Pages of one table's entries.
create index entry_table on evenkeel.entry (table_name, id);

create table evenkeel.decision (      -- what people decided: append-only
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  by text not null,
  what text not null check (what in ('approve', 'hold', 'resume', 'sweep')),
  invariant text not null,
  key text[],                         -- of the subject; null: the invariant itself, or several
  count int not null default 1,       -- so many subjects
  why text
);
create index decision_invariant on evenkeel.decision (invariant, id);

-- Entries come in the order of their ids, give or take what was committed meanwhile: an id below which all are older, found by
-- halving instead of reading.
create function evenkeel.entries_since(since timestamptz) returns bigint language plpgsql stable as $$
declare
  low bigint := 0;
  high bigint;
  middle bigint;
  seen timestamptz;
  early constant timestamptz := since - interval '10 minutes';
begin
  select max(id) + 1 into high from evenkeel.entry;
  high := coalesce(high, 0);
  while low < high loop
    middle := (low + high) / 2;
    select at into seen from evenkeel.entry where id >= middle order by id limit 1;
    if seen < early then low := middle + 1; else high := middle; end if;
  end loop;
  return low;
end $$;

-- Values for eyes: a long one is cut, and still tells itself from others.
create function evenkeel.brief(of jsonb) returns jsonb language sql immutable as $$
  select case when of is null or pg_column_size(of) < 800 then of else (
    select jsonb_object_agg(key, case when length(value) <= 1000 then value else
             left(value, 100) || '… (' || length(value) || ' characters, md5 ' || md5(value) || ')' end)
      from jsonb_each_text(of)) end
$$;

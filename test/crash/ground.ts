/**
 * The ground of the crash tests: shelves that count their items, and a mirror of a table. Whoever breaks a row logs it in
 * the same transaction, holding the row, so that what happened to each row is known to the last step, whatever dies.
 */
export const invariants = {
  'shelf-count.sql': `-- evenkeel: should
-- says: A shelf counts its items
-- on: shelf
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select s.id, count(i.id) as n from shelf s left join item i on i.shelf_id = s.id group by s.id`,
  'mirror.sql': `-- evenkeel: should
-- says: The mirror shows each source, and nothing else
-- on: mirror
-- heal: set; insert; remove
-- mode: heal
-- guard: none
-- grace: 0s
select id, v from source`,
};

/** As fast as it goes, and however often a row is broken. */
export const env = {
  EVENKEEL_SWEEP_PAUSE: '0s',
  EVENKEEL_SWEEP_DUTY: '1',
  EVENKEEL_REPEATS: '1000000',
};

export const rows = 40;
/** Ids of mirror rows past `rows` have no source. */
export const extra = 10;

export const schema = `
  create table shelf (id bigint primary key, n bigint not null);
  create table item (id bigint generated always as identity primary key, shelf_id bigint not null references shelf);
  create index on item (shelf_id);
  create table source (id bigint primary key, v text not null);
  create table mirror (id bigint primary key, v text not null);
  insert into shelf select i, 3 from generate_series(1, ${rows}) i;
  insert into item (shelf_id) select i from generate_series(1, ${rows}) i, generate_series(1, 3);
  insert into source select i, 'as it was' from generate_series(1, ${rows}) i;
  insert into mirror select * from source;

  create table corruption (
    id bigint generated always as identity primary key, at timestamptz not null, on_table text not null, key text not null,
    before text, after text, wanted text  -- the column's text; null: no such row
  );

  -- Each way takes the governed row first, or its place in the key, and logs while it holds it: clock_timestamp() of this
  -- log and of the journal, which is written under the same locks, are in the order in which the row was changed.
  create function corrupt(way text, k bigint, x int) returns void language plpgsql as $$
  declare b text; a text;
  begin
    if way in ('count', 'more', 'fewer') then
      select n into strict b from shelf where id = k for no key update;
      a := b;
      case way
        when 'count' then update shelf set n = x where id = k returning n into a;
        when 'more' then insert into item (shelf_id) values (k);
        when 'fewer' then delete from item where id = (select min(id) from item where shelf_id = k);
      end case;
      insert into corruption (at, on_table, key, before, after, wanted)
        select clock_timestamp(), 'shelf', k, b, a, count(*)::text from item where shelf_id = k;
      return;
    end if;
    select v into b from mirror where id = k for update;
    a := b;
    case way
      when 'stale' then update mirror set v = 'stale ' || x where id = k returning v into a;
      when 'source' then
        -- Only under the lock of its mirror row: else what the mirror should show would change in the middle of a heal.
        if b is null then return; end if;
        update source set v = 'new ' || x where id = k;
      when 'lost' then delete from mirror where id = k; a := null;
      when 'extra' then
        if b is not null then return; end if;
        insert into mirror values (k, 'extra ' || x) on conflict do nothing returning v into a;
    end case;
    if b is null and a is null then return; end if;
    insert into corruption (at, on_table, key, before, after, wanted)
      values (clock_timestamp(), 'mirror', k, b, a, (select v from source where id = k));
  end $$;

  create view wrong as
    select 'shelf' as on_table, s.id::text as key from shelf s
     where n is distinct from (select count(*) from item where shelf_id = s.id)
    union all
    select 'mirror', coalesce(m.id, s.id)::text from mirror m full join source s on s.id = m.id where m.v is distinct from s.v;`;

export const waysOnShelves = ['count', 'more', 'fewer'] as const;
export const waysOnMirror = ['stale', 'source', 'lost', 'extra'] as const;

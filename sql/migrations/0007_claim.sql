-- The SQL door: with `heal: claim`, any program in any language fetches violations, puts them right, and says so. The invariant,
-- asked again, decides.

alter table evenkeel.violation
  add column claimed_by text,           -- who works on it, until due_at
  add column reported_at timestamptz,   -- said to be done: to be asked again
  add column claims int not null default 0;
create index violation_reported on evenkeel.violation (invariant) where reported_at is not null;

-- Hands out up to `most` violations, the longest due first; each is the caller's for `lease`, then anybody's again. What was
-- handed out five times is parked. What is handed out counts for the invariant's guard, as a heal would.
create function evenkeel.claim(name text, most int default 1, lease interval default '5 minutes')
  returns table (id bigint, key text[], kind text, evidence jsonb, wanted jsonb, opened_at timestamptz, attempt int)
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  i evenkeel.invariant;
  n int;
  used bigint;
  ids bigint[];
begin
  if most < 1 or lease <= interval '0' then raise exception 'claim wants at least one, for some time' using errcode = '22023'; end if;
  -- What `stop`, `hold` and a newer definition take exclusively: once they return, nothing more is handed out.
  perform pg_advisory_xact_lock_shared(4526, 0);
  select * into i from evenkeel.invariant v where v.name = claim.name and v.retired_at is null;
  if not found then raise exception 'there is no invariant %', claim.name using errcode = 'P0002'; end if;
  if i.heal <> 'claim' then
    raise exception '% is healed otherwise', claim.name using errcode = '55000', hint = 'Its header says heal: ' || i.heal;
  end if;
  if exists (select from evenkeel.brake where pulled_at is not null) then return; end if;

  with spent as (
    update evenkeel.violation v set state = 'parked', claimed_by = null, due_at = 'infinity',
           reason = 'it was handed out ' || v.claims || ' times'
     where v.id in (select p.id from evenkeel.violation p where p.invariant = i.name and p.state in ('open', 'approved', 'claimed')
                       and p.claims >= 5 and p.reported_at is null and p.due_at <= clock_timestamp() for update skip locked)
    returning 1
  )
  insert into evenkeel.alert (kind, invariant, text)
  select 'parked', i.name, i.name || ': ' || count(*) || ' parked: handed out 5 times' from spent having count(*) > 0;

  n := most;
  if i.guard is not null then
    perform pg_advisory_xact_lock(4529, hashtext(i.name));
    select coalesce(sum(p.written), 0) into used from evenkeel.pulse p
     where p.invariant = i.name and p.minute > clock_timestamp() - interval '61 minutes';
    n := least(n, i.guard - used);
  end if;
  if n > 0 then
    select array_agg(d.id) into ids from (
      select v.id from evenkeel.violation v
       where v.invariant = i.name and v.reported_at is null and v.due_at <= clock_timestamp()
         and (v.state = 'approved' or v.state in ('open', 'claimed') and i.mode = 'heal' and i.held_at is null and i.proved_at is not null)
       order by v.due_at limit n for update skip locked) d;
    insert into evenkeel.pulse as p (invariant, minute, written)
    select i.name, date_trunc('minute', clock_timestamp()), cardinality(ids) where ids is not null
    on conflict (invariant, minute) do update set written = p.written + excluded.written;
    return query update evenkeel.violation v
       set state = 'claimed', claimed_by = session_user, claims = v.claims + 1, due_at = clock_timestamp() + lease, reason = null
     where v.id = any(ids) returning v.id, v.key, v.kind, v.evidence, v.wanted, v.opened_at, v.claims;
  elsif exists (select from evenkeel.violation v where v.invariant = i.name and v.state in ('open', 'claimed')
                   and v.reported_at is null and v.due_at <= clock_timestamp()) and i.held_at is null then
    update evenkeel.invariant v set held_at = clock_timestamp(), held_why = 'its guard of ' || i.guard || '/hour is used up'
     where v.name = i.name;
    insert into evenkeel.alert (kind, invariant, text)
    values ('held', i.name, i.name || ' is held: its guard of ' || i.guard || '/hour is used up');
  end if;
end $$;

-- `done`: the invariant is asked again at once. `failed`: handed out again after a while. What it says is shown to people.
create function evenkeel.report(violation bigint, outcome text, why text default null) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v evenkeel.violation;
begin
  if outcome is null or outcome not in ('done', 'failed') then
    raise exception 'an outcome is ''done'' or ''failed''' using errcode = '22023';
  end if;
  select * into v from evenkeel.violation o where o.id = violation for update;
  if not found then return 'it came right already'; end if;
  if v.state <> 'claimed' then return 'nobody claims it: it is ' || v.state; end if;
  if outcome = 'done' then
    update evenkeel.violation o set reported_at = clock_timestamp(), reason = left(why, 1000) where o.id = violation;
    return 'it is asked again';
  end if;
  update evenkeel.violation o set state = 'open', claimed_by = null, reason = left(coalesce(why, 'failed'), 1000),
         due_at = clock_timestamp() + make_interval(secs => 4 ^ (v.claims - 1) * (0.75 + random() / 2)) where o.id = violation;
  return 'it is handed out again';
end $$;

revoke all on function evenkeel.claim, evenkeel.report from public;

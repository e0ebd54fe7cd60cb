-- Invariants whose heal asks an upstream, or a program, under a limit.

alter table evenkeel.invariant add column limit_name text;  -- the limit under which it is healed

-- What a claim said only counts while it stands.
drop index evenkeel.violation_reported;
create index violation_reported on evenkeel.violation (invariant) where state = 'claimed' and reported_at is not null;

-- Of those that somebody works on, whose time is over.
create index violation_claimed on evenkeel.violation (invariant, due_at) where state = 'claimed';

-- As before, and without leases where nobody is named to hold them.
create or replace function evenkeel.reserve(of text, wanted int, weight double precision, by uuid, lease_s int,
    out slots int, out first_ms double precision, out gap_ms double precision, out wait_ms double precision, out leases bigint[])
  language plpgsql as $$
declare
  l evenkeel.rate_limit;
  now timestamptz;
  rate double precision;
  start timestamptz;
  free int;
  ahead constant interval := '1 second';
begin
  -- A reservation that a crash forgets is made good by a second's pause.
  perform set_config('synchronous_commit', 'off', true);
  select * into l from evenkeel.rate_limit where name = of for update;
  if not found then raise exception 'there is no limit %', of using errcode = 'P0002'; end if;
  now := clock_timestamp();
  if l.reserved_at > now then
    -- The clock stepped back: what it had counted towards goes with it.
    l.tat := l.tat - (l.reserved_at - now);
    l.blocked_until := l.blocked_until - (l.reserved_at - now);
  end if;
  if l.server_start <> pg_postmaster_start_time() then l.tat := greatest(l.tat, l.server_start, now + ahead); end if;
  rate := 0.985 * evenkeel.rate_in_force(l);
  start := greatest(l.tat, now - make_interval(secs => greatest(0, l.burst - weight) / rate), l.blocked_until);
  slots := 0;
  gap_ms := 1000 * weight / rate;
  leases := '{}';
  if start > now + ahead then
    wait_ms := 1000 * extract(epoch from start - now - ahead);
  else
    slots := least(wanted, 1 + floor(least(1e6, extract(epoch from now + ahead - start) * rate / weight))::int);
    if l.concurrency is not null and by is not null then
      select greatest(0, l.concurrency - count(*)) into free from evenkeel.rate_lease
       where rate_limit = of and expires_at > now;
      slots := least(slots, free);
      if slots = 0 then wait_ms := 20; end if;
      with taken as (insert into evenkeel.rate_lease (rate_limit, holder, expires_at)
        select of, by, now + make_interval(secs => lease_s) from generate_series(1, slots) returning id)
      select coalesce(array_agg(id), '{}') into leases from taken;
    end if;
    if slots > 0 then
      first_ms := greatest(0, 1000 * extract(epoch from start - now));
      l.tat := greatest(start, l.tat) + make_interval(secs => slots * weight / rate);
      insert into evenkeel.rate_second as s values (of, date_trunc('second', now), slots * weight)
        on conflict (rate_limit, second) do update set used = s.used + excluded.used;
    end if;
  end if;
  update evenkeel.rate_limit set tat = l.tat, blocked_until = l.blocked_until, reserved_at = now,
    server_start = pg_postmaster_start_time() where name = of;
end $$;

-- Whose time is over is anybody's again; what was reported is asked about first. What a person approved stays approved.
create function evenkeel.lapse(of text) returns void language sql as $$
  update evenkeel.violation v set state = case when v.decided_by is null then 'open' else 'approved' end, claimed_by = null
   where v.id in (select l.id from evenkeel.violation l
                   where l.invariant = of and l.state = 'claimed' and l.due_at <= clock_timestamp() and l.reported_at is null
                     for update skip locked)
$$;

-- Hands out up to `most` violations, the longest due first, and no more than the invariant's limit lets through within a second;
-- each is the caller's for `lease`, then anybody's again. What was handed out five times is parked. What is handed out counts
-- for the invariant's guard, as a heal would.
create or replace function evenkeel.claim(name text, most int default 1, lease interval default '5 minutes')
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
  if i.heal !~ '^claim( |$)' then
    raise exception '% is healed otherwise', claim.name using errcode = '55000', hint = 'Its header says heal: ' || i.heal;
  end if;
  if exists (select from evenkeel.brake where pulled_at is not null) then return; end if;

  perform evenkeel.lapse(i.name);
  with spent as (
    update evenkeel.violation v set state = 'parked', claimed_by = null, due_at = 'infinity',
           reason = 'it was handed out ' || v.claims || ' times'
     where v.id in (select p.id from evenkeel.violation p where p.invariant = i.name and p.claims >= 5
                       and p.state in ('open', 'approved') and p.due_at <= clock_timestamp() for update skip locked)
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
    if n <= 0 and i.held_at is null and exists (
        select from evenkeel.violation v
         where v.invariant = i.name and v.state in ('open', 'approved') and v.due_at <= clock_timestamp()) then
      update evenkeel.invariant v set held_at = clock_timestamp(), held_why = 'its guard of ' || i.guard || '/hour is used up'
       where v.name = i.name;
      insert into evenkeel.alert (kind, invariant, text)
      values ('held', i.name, i.name || ' is held: its guard of ' || i.guard || '/hour is used up');
    end if;
    if n <= 0 then return; end if;
  end if;

  select array_agg(d.id) into ids from (
    select v.id from evenkeel.violation v
     where v.invariant = i.name and v.state in ('open', 'approved') and v.due_at <= clock_timestamp()
       -- What a person approved, or the invariant by itself.
       and (v.decided_by is not null or i.mode = 'heal' and i.held_at is null and i.proved_at is not null)
     order by v.due_at limit n for update skip locked) d;
  if i.limit_name is not null and ids is not null then
    select ids[1:r.slots] into ids from evenkeel.reserve(i.limit_name, cardinality(ids), 1, null, 0) r;
  end if;
  if coalesce(cardinality(ids), 0) = 0 then return; end if;
  insert into evenkeel.pulse as p (invariant, minute, written)
  values (i.name, date_trunc('minute', clock_timestamp()), cardinality(ids))
  on conflict (invariant, minute) do update set written = p.written + excluded.written;
  return query update evenkeel.violation v
     set state = 'claimed', claimed_by = session_user, claims = v.claims + 1, reported_at = null, reason = null,
         due_at = clock_timestamp() + lease
   where v.id = any(ids) returning v.id, v.key, v.kind, v.evidence, v.wanted, v.opened_at, v.claims;
end $$;

-- `done`: the invariant is asked again at once. `failed`: handed out again after about 1, 4, 16 and 64 seconds. What it says is
-- shown to people.
create or replace function evenkeel.report(violation bigint, outcome text, why text default null) returns text
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
  -- What a person approved stays approved.
  update evenkeel.violation o set state = case when v.decided_by is null then 'open' else 'approved' end, claimed_by = null,
         reported_at = null, reason = left(coalesce(why, 'failed'), 1000),
         due_at = clock_timestamp() + make_interval(secs => 4 ^ (greatest(v.claims, 1) - 1) * (0.75 + random() / 2)) where o.id = violation;
  return 'it is handed out again';
end $$;

-- As before, and one refusal isn't taken for a sign that the limit is lower: where many processes send at the full rate, one of a
-- thousand requests comes a little late. A second one within ten seconds is, unless it is one of two hundred. Then a tenth is taken
-- off the rate, or, where less went through, up to half of it.
create or replace function evenkeel.limit_blocks(of text, ms double precision, why text, refused boolean) returns double precision
  language plpgsql as $$
declare
  l evenkeel.rate_limit;
  wait double precision;
  now timestamptz;
  chance boolean;
  force double precision;
  let_through double precision;
begin
  select * into l from evenkeel.rate_limit where name = of for update;
  if not found then raise exception 'there is no limit %', of using errcode = 'P0002'; end if;
  now := clock_timestamp();
  force := evenkeel.rate_in_force(l);
  -- What went through in the second before: where the limit is far lower, that is it.
  select coalesce(nullif(sum(s.used - s.refused), 0), force) into let_through from evenkeel.rate_second s
   where s.rate_limit = of and s.second = date_trunc('second', now) - interval '1 second';
  chance := l.refused_at is null or l.refused_at < now - interval '10 seconds' or (
    select sum(s.refused) + 1 <= 0.005 * sum(s.used) from evenkeel.rate_second s
     where s.rate_limit = of and s.second > now - interval '10 seconds');
  wait := least(3600000, greatest(0, coalesce(ms, case when chance then 50 else least(60000, 200 * 2 ^ least(l.in_a_row, 20)) end)));
  update evenkeel.rate_limit
     set blocked_until = greatest(l.blocked_until, now + make_interval(secs => wait / 1000)), blocked_why = why where name = of;
  if refused then
    insert into evenkeel.rate_second as s values (of, date_trunc('second', now), 0, 1)
      on conflict (rate_limit, second) do update set refused = s.refused + 1;
    update evenkeel.rate_limit
       set refusals = l.refusals + 1, refused_at = now,
           -- Several refusals of one moment are one sign.
           in_a_row = l.in_a_row + case when l.refused_at > now - interval '100 milliseconds' then 0 else 1 end,
           found_rate = case when chance or l.told_rate is not null or l.refused_at > now - interval '1 second' then l.found_rate
                             else greatest(l.rate / 1000, force * greatest(0.5, least(0.9, let_through / force))) end
     where name = of;
  end if;
  perform pg_notify('evenkeel_limit', json_build_array(of, wait)::text);
  return wait;
end $$;

create table evenkeel.mirror (              -- what another system says, as read last (`should: from(…)`)
  invariant text primary key,
  key text[] not null,
  columns text[] not null,                  -- besides the key; empty: there is no table yet
  lists boolean not null,                   -- it tells what is missing here, too
  cursor text,                              -- where the reading that runs goes on
  began_at timestamptz,                     -- it began then; null: none runs
  read_at timestamptz,                      -- everything was read since then
  next_at timestamptz not null default clock_timestamp(),
  failed_at timestamptz,
  failed_why text
);

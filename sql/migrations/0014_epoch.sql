-- A wait makes void whatever was reserved before: all begin anew where it ends. Until now each process gave its own back when it heard
-- of it, and whoever was quick reserved in the time that others were still to give back: for a while too much was sent, and refused again.

alter table evenkeel.rate_limit
  add column epoch bigint not null default 0,  -- how often that was
  add column run_from timestamptz,             -- the last reservations that follow each other without a break
  add column run_to timestamptz,
  add column run_gap double precision;         -- of them, the longest time between two requests; seconds

-- Of a limit's time so much is planned; the rest is for requests that come late.
create function evenkeel.limit_pace() returns double precision language sql immutable as $$ select 0.9875::double precision $$;

-- Units a second that are planned now: after a rest half of that for a second, where that is more than ten and no burst is allowed.
create function evenkeel.limit_planned(l evenkeel.rate_limit) returns double precision language sql stable as $$
  select rate / case when rate > 10 and l.burst = 1 and l.busy_from > clock_timestamp() - interval '1 second' then 2 else 1 end
    from (select evenkeel.limit_pace() * evenkeel.rate_in_force(l) as rate) r
$$;

-- As before, and says in which epoch it was reserved.
drop function evenkeel.reserve(text, int, double precision, uuid, int);
create function evenkeel.reserve(of text, wanted int, weight double precision, by uuid, lease_s int,
    out slots int, out first_ms double precision, out gap_ms double precision, out wait_ms double precision, out leases bigint[], out epoch bigint)
  language plpgsql as $$
declare
  l evenkeel.rate_limit;
  now timestamptz;
  rate double precision;
  start timestamptz;
  free int;
  early int;
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
    l.run_to := null;
  end if;
  if l.server_start <> pg_postmaster_start_time() then l.tat := greatest(l.tat, l.server_start, now + ahead); end if;
  if l.busy_from is null or greatest(l.tat, l.blocked_until) < now - interval '1 second' or l.busy_from > now then l.busy_from := now; end if;
  rate := evenkeel.limit_planned(l);
  start := greatest(l.tat, now - make_interval(secs => greatest(0, l.burst - weight) / rate), l.blocked_until);
  slots := 0;
  epoch := l.epoch;
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
      if start is distinct from l.run_to then
        l.run_from := start;
        l.run_gap := 0;
      end if;
      l.tat := greatest(start, l.tat)
        + make_interval(secs => least(slots * weight / rate, greatest(3600, slots * weight / (evenkeel.limit_pace() * l.rate))));
      l.run_gap := greatest(l.run_gap, extract(epoch from l.tat - start) / slots);
      -- Programs have theirs at once, and nobody can take it from them.
      l.run_to := case when by is null then null else l.tat end;
      start := greatest(start, now);
      early := least(slots, ceil(extract(epoch from date_trunc('second', start) + interval '1 second' - start) * rate / weight));
      insert into evenkeel.rate_second as s values (of, date_trunc('second', start), early * weight)
        on conflict (rate_limit, second) do update set used = s.used + excluded.used;
      if early < slots then
        insert into evenkeel.rate_second as s values (of, date_trunc('second', start) + interval '1 second', (slots - early) * weight)
          on conflict (rate_limit, second) do update set used = s.used + excluded.used;
      end if;
    end if;
  end if;
  update evenkeel.rate_limit set tat = l.tat, busy_from = l.busy_from, blocked_until = l.blocked_until, reserved_at = now,
    run_from = l.run_from, run_to = l.run_to, run_gap = l.run_gap,
    server_start = pg_postmaster_start_time() where name = of;
end $$;

-- As before, and begins a new epoch.
create or replace function evenkeel.limit_blocks(of text, ms double precision, why text, refused boolean, times int default 1) returns double precision
  language plpgsql as $$
declare
  l evenkeel.rate_limit;
  base double precision;
  wait double precision;
  until timestamptz;
  now timestamptz;
  this_second timestamptz;
  few boolean;
  first boolean;
  cuts boolean;
  force double precision;
  void_from timestamptz;
  void_to timestamptz;
  turn timestamptz;
begin
  -- Without waiting for the disk: everybody hears of it as soon as it is decided, and a refusal that a crash forgets comes again.
  perform set_config('synchronous_commit', 'off', true);
  select * into l from evenkeel.rate_limit where name = of for update;
  if not found then raise exception 'there is no limit %', of using errcode = 'P0002'; end if;
  now := clock_timestamp();
  this_second := date_trunc('second', now);
  force := evenkeel.rate_in_force(l);
  -- What comes within a second of the first was sent because of the same: requests that were held up, and sent together.
  first := not coalesce(l.refused_from between now - interval '1 second' and now, false);
  if refused and first and not coalesce(greatest(l.refused_at, l.blocked_until) > now - interval '2 seconds', false) then
    -- Nobody waited in either: the parts of two seconds of the clock, less this one and what is due later in its second.
    select nullif(greatest(sum((s.used - s.refused) * case when s.second = this_second then 1 else 1 - extract(epoch from now - this_second) end)
                       - times - evenkeel.limit_pace() * force * extract(epoch from greatest(now, least(l.tat, this_second + interval '1 second')) - now), 0), 0)
      into l.let_through from evenkeel.rate_second s
     where s.rate_limit = of and s.second in (this_second, this_second - interval '1 second');
  end if;
  -- Few refusals are chance: requests that came late. Where the upstream says its rate, those count too, once they are more than one of fifty.
  select coalesce(sum(s.refused), 0) + times <= case when l.told_rate is null then 0.005 else 0.02 end * sum(s.used) into few
    from evenkeel.rate_second s where s.rate_limit = of and s.second > now - interval '10 seconds';
  few := coalesce(few, false);
  cuts := first and not few and coalesce(greatest(l.refused_at, l.blocked_until) > now - interval '10 seconds', false);
  -- What chance has too much is gone within the time of a few requests.
  base := case when few then least(20, 2000 / force) else 20 end;
  wait := least(3600000, greatest(0, coalesce(ms, least(60000, base * 2 ^ least(l.in_a_row, 20)))));
  until := greatest(l.blocked_until, now + make_interval(secs => wait / 1000));
  wait := 1000 * extract(epoch from until - now);
  -- What was reserved and is due later is nobody's. A request that was sent takes its time for as long as it weighs, and what was used
  -- beyond that has been used: neither is given back.
  void_from := greatest(now + make_interval(secs => l.run_gap), l.run_from);
  void_to := least(l.run_to, l.tat);
  if l.run_to is not null and void_to > void_from then
    l.tat := l.tat - (void_to - void_from);
    turn := this_second + interval '1 second';
    insert into evenkeel.rate_second as s
    select of, second, -evenkeel.limit_planned(l) * extract(epoch from till - since)
      from (values (this_second, void_from, least(void_to, turn)), (turn, greatest(void_from, turn), void_to)) void(second, since, till)
     where till > since
        on conflict (rate_limit, second) do update set used = s.used + excluded.used;
  end if;
  update evenkeel.rate_limit
     set blocked_until = until, blocked_why = why, tat = l.tat, run_to = null, epoch = l.epoch + 1 where name = of;
  if refused then
    insert into evenkeel.rate_second as s values (of, this_second, 0, times)
      on conflict (rate_limit, second) do update set refused = s.refused + times;
    update evenkeel.rate_limit
       set refusals = l.refusals + times, refused_at = now,
           in_a_row = l.in_a_row + case when l.blocked_until > now then 0 else 1 end,
           found_rate = case when cuts then greatest(l.rate / 1000, force * greatest(0.5, least(0.98, coalesce(l.let_through / force, 0.9))))
                             when l.found_rate < force then force else l.found_rate end,
           refused_from = case when first then now else l.refused_from end, let_through = l.let_through
     where name = of;
  end if;
  perform pg_notify('evenkeel_limit', json_build_array(of, wait, l.epoch + 1)::text);
  return wait;
end $$;

-- As before, at that pace.
create or replace function evenkeel.limit_settles(of text, units double precision) returns void language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  update evenkeel.rate_limit l
     set tat = l.tat + make_interval(secs => units / (evenkeel.limit_pace() * evenkeel.rate_in_force(l))) where l.name = of;
  insert into evenkeel.rate_second as s values (of, date_trunc('second', clock_timestamp()), units)
    on conflict (rate_limit, second) do update set used = s.used + excluded.used;
end $$;

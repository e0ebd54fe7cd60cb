-- Limits of upstreams: one budget for all processes, on the database's clock.

create table evenkeel.rate_limit (
  name text primary key,
  rate double precision not null check (rate > 0),       -- units a second, as declared
  burst double precision not null default 1,             -- units at once, as declared
  concurrency int,                                       -- requests at a time; null: any
  told_rate double precision,                            -- what the upstream says, in place of what is declared
  told_at timestamptz,
  found_rate double precision,                           -- where it says nothing: found by being refused, at refused_at
  refusals bigint not null default 0,
  refused_at timestamptz,
  in_a_row int not null default 0,                       -- refusals since the last answer that was none
  blocked_until timestamptz,
  blocked_why text,
  tat timestamptz not null default '-infinity',          -- when the next unit is due: theoretical arrival time (GCRA)
  reserved_at timestamptz,                               -- the clock as it was then, to see it step
  server_start timestamptz not null default pg_postmaster_start_time()  -- reservations may be lost in a crash: they commit asynchronously
);

create table evenkeel.rate_lease (                       -- requests under way; a dead process's run out
  id bigint generated always as identity primary key,
  rate_limit text not null,
  holder uuid not null,
  expires_at timestamptz not null
);
create index rate_lease_limit on evenkeel.rate_lease (rate_limit, expires_at);

create table evenkeel.rate_second (                      -- what was used, second by second; kept for some minutes
  rate_limit text not null,
  second timestamptz not null,
  used double precision not null default 0,
  refused int not null default 0,
  primary key (rate_limit, second)
);

-- Units a second that may be used now. What the upstream says counts; else what was declared, or, once it refused, nine tenths
-- of what it refused, and a hundredth more each second (additive increase, multiplicative decrease).
create function evenkeel.rate_in_force(l evenkeel.rate_limit) returns double precision language sql stable as $$
  select coalesce(l.told_rate, least(l.rate,
    l.found_rate * (1 + 0.01 * greatest(0, extract(epoch from clock_timestamp() - l.refused_at)))), l.rate)
$$;

-- Reserves up to `wanted` requests of `weight` units each: at `first_ms` from now, then every `gap_ms`. None where `wait_ms` says
-- how long to wait before asking again. GCRA: ITU-T I.371, annex A; a hundredth and a half is left for jitter on the way.
create function evenkeel.reserve(of text, wanted int, weight double precision, by uuid, lease_s int,
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
    if l.concurrency is not null then
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

-- Nobody sends for `ms`, because the upstream says so. Where it refused and didn't say for how long: a fifth of a second, and twice
-- as long each time that it refuses again. Every process hears of it at once.
create function evenkeel.limit_blocks(of text, ms double precision, why text, refused boolean) returns double precision
  language plpgsql as $$
declare
  l evenkeel.rate_limit;
  wait double precision;
  now timestamptz;
begin
  select * into l from evenkeel.rate_limit where name = of for update;
  if not found then raise exception 'there is no limit %', of using errcode = 'P0002'; end if;
  now := clock_timestamp();
  wait := least(3600000, greatest(0, coalesce(ms, least(60000, 200 * 2 ^ least(l.in_a_row, 20)))));
  update evenkeel.rate_limit
     set blocked_until = greatest(l.blocked_until, now + make_interval(secs => wait / 1000)), blocked_why = why where name = of;
  if refused then
    insert into evenkeel.rate_second as s values (of, date_trunc('second', now), 0, 1)
      on conflict (rate_limit, second) do update set refused = s.refused + 1;
    update evenkeel.rate_limit
       set refusals = l.refusals + 1, refused_at = now,
           -- Several refusals of one moment are one sign.
           in_a_row = l.in_a_row + case when l.refused_at > now - interval '100 milliseconds' then 0 else 1 end,
           found_rate = case when l.told_rate is not null or l.refused_at > now - interval '1 second' then l.found_rate
                             else greatest(l.rate / 1000, 0.9 * evenkeel.rate_in_force(l)) end
     where name = of;
  end if;
  perform pg_notify('evenkeel_limit', json_build_array(of, wait)::text);
  return wait;
end $$;

-- Limits: nothing that an upstream says makes anybody wait for longer than an hour, what nobody sent goes back, and refusals count
-- against what is stated, too.

-- Units a second that may be used now: what the upstream says, or else what was declared; less where it refused what that allows (it
-- keeps less than it says, or others use the same key), and a hundredth more each second since. Not slower than one an hour, unless
-- that is declared.
create or replace function evenkeel.rate_in_force(l evenkeel.rate_limit) returns double precision language sql stable as $$
  select greatest(least(l.rate, 1 / 3600.0), least(coalesce(l.told_rate, l.rate),
    l.found_rate * (1 + 0.01 * greatest(0, extract(epoch from clock_timestamp() - l.refused_at)))))
$$;

-- As before, and one reservation takes no longer than it would at the declared rate, or an hour.
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
      l.tat := greatest(start, l.tat)
        + make_interval(secs => least(slots * weight / rate, greatest(3600, slots * weight / (0.985 * l.rate))));
      insert into evenkeel.rate_second as s values (of, date_trunc('second', now), slots * weight)
        on conflict (rate_limit, second) do update set used = s.used + excluded.used;
    end if;
  end if;
  update evenkeel.rate_limit set tat = l.tat, blocked_until = l.blocked_until, reserved_at = now,
    server_start = pg_postmaster_start_time() where name = of;
end $$;

-- So many units more were used than reserved, or, below nothing, so many fewer: they are anybody's again.
create function evenkeel.limit_settles(of text, units double precision) returns void language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  update evenkeel.rate_limit l
     set tat = l.tat + make_interval(secs => units / (0.985 * evenkeel.rate_in_force(l))) where l.name = of;
  insert into evenkeel.rate_second as s values (of, date_trunc('second', clock_timestamp()), units)
    on conflict (rate_limit, second) do update set used = s.used + excluded.used;
end $$;

-- What the upstream says of its limit, in units a second. Where it allows more than it did, what it had refused is over, and so is a
-- wait that came of the slower rate.
create function evenkeel.limit_told(of text, told double precision) returns void language plpgsql as $$
declare
  l evenkeel.rate_limit;
  now timestamptz;
  before double precision;
begin
  perform set_config('synchronous_commit', 'off', true);
  select * into l from evenkeel.rate_limit where name = of for update;
  if not found then raise exception 'there is no limit %', of using errcode = 'P0002'; end if;
  now := clock_timestamp();
  before := evenkeel.rate_in_force(l);
  if told > coalesce(l.told_rate, l.rate) then l.found_rate := null; end if;
  l.told_rate := told;
  if l.tat > now then l.tat := now + (l.tat - now) * least(1, before / evenkeel.rate_in_force(l)); end if;
  update evenkeel.rate_limit set told_rate = told, told_at = now, found_rate = l.found_rate, tat = l.tat where name = of;
end $$;

-- As before, without waiting for the disk: everybody hears of it as soon as it is decided, and a refusal that a crash forgets comes
-- again. One that is chance leaves the rate where it was. Where the upstream says its rate, refusals count too, once they are more than
-- one of fifty: below that they are requests that came late.
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
  perform set_config('synchronous_commit', 'off', true);
  select * into l from evenkeel.rate_limit where name = of for update;
  if not found then raise exception 'there is no limit %', of using errcode = 'P0002'; end if;
  now := clock_timestamp();
  force := evenkeel.rate_in_force(l);
  -- What went through in the second before: where the limit is far lower, that is it.
  select coalesce(nullif(sum(s.used - s.refused), 0), force) into let_through from evenkeel.rate_second s
   where s.rate_limit = of and s.second = date_trunc('second', now) - interval '1 second';
  chance := l.refused_at is null or l.refused_at < now - interval '10 seconds' or (
    select sum(s.refused) + 1 <= case when l.told_rate is null then 0.005 else 0.02 end * sum(s.used) from evenkeel.rate_second s
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
           found_rate = case when chance or l.refused_at > now - interval '1 second' then case when l.found_rate < force then force else l.found_rate end
                             else greatest(l.rate / 1000, force * greatest(0.5, least(0.9, let_through / force))) end
     where name = of;
  end if;
  perform pg_notify('evenkeel_limit', json_build_array(of, wait)::text);
  return wait;
end $$;

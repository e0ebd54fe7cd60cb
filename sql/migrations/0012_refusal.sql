-- A refusal by chance (the first for long, or one of few) costs 20 ms, no longer 50: each took half a hundredth of ten seconds of a limit.
-- Several cost what the upstream has shown to allow, and no longer a tenth at least: requests that came late are no lower limit.
-- Without waiting for the disk: everybody hears of it as soon as it is decided, and a refusal that a crash forgets comes again. One that is
-- chance leaves the rate where it was. Where the upstream says its rate, refusals count too, once they are more than one of fifty.
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
  -- What went through in a second in which it refused is about what it allows. The most of them, for whoever waits out a refusal
  -- sends less.
  select nullif(greatest(max(s.used - s.refused), 0), 0) into let_through from evenkeel.rate_second s
   where s.rate_limit = of and s.refused > 0 and s.second between now - interval '6 seconds' and date_trunc('second', now) - interval '1 second';
  chance := l.refused_at is null or l.refused_at < now - interval '10 seconds' or (
    select sum(s.refused) + 1 <= case when l.told_rate is null then 0.005 else 0.02 end * sum(s.used) from evenkeel.rate_second s
     where s.rate_limit = of and s.second > now - interval '10 seconds');
  wait := least(3600000, greatest(0, coalesce(ms, case when chance then 20 else least(60000, 200 * 2 ^ least(l.in_a_row, 20)) end)));
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
                             else greatest(l.rate / 1000, force * greatest(0.7, least(0.98, coalesce(let_through / force, 0.9)))) end
     where name = of;
  end if;
  perform pg_notify('evenkeel_limit', json_build_array(of, wait)::text);
  return wait;
end $$;

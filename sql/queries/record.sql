-- Brings the ledger in line with a look. $1 invariant · $2 keys found right · $3 to $6 violations: key, kind,
-- evidence, wanted · $7 grace in ms · $8 their causes. Keys are text[] written as text.
-- A subject that was undone or is held goes to that state. `changed_at` restarts when the violation looks different; grace
-- then begins again, but no more than ten times: a row that never holds still is believed in the end.
-- Ledger rows that a healer holds are left to it: a heal is short, and this look will come again.
with right_now as (
  select k::text[] as key from unnest($2::text[]) k
), cleared as (
  delete from evenkeel.violation
   where id in (select v.id from right_now r join evenkeel.violation v on v.invariant = $1 and v.key = r.key
                   for update of v skip locked) returning 1
), unleft as (
  delete from evenkeel.leave l using right_now r
   where l.invariant = $1 and l.key = r.key and l.entry is not null
), found as (
  select key::text[] as key, kind, evidence::jsonb as evidence, wanted::jsonb as wanted, cause::jsonb as cause
    from unnest($3::text[], $4::text[], $5::text[], $6::text[], $8::text[]) f(key, kind, evidence, wanted, cause)
), lifted as (
  -- Undone subjects are left alone while what was restored still stands.
  delete from evenkeel.leave l using found f
   where l.invariant = $1 and l.key = f.key and l.entry is not null
     and case when l.restored is null then f.kind <> 'missing'
              else exists (select from jsonb_each(l.restored) r
                            where f.evidence ? r.key and f.evidence->r.key is distinct from r.value) end
  returning l.key
), left_alone as (
  select l.key, case when l.entry is null then 'held' else 'undone' end as state
    from found f join evenkeel.leave l on l.invariant = $1 and l.key = f.key
   where l.key not in (select key from lifted)
), other as (
  select v.id, f.*, coalesce(l.state, 'open') as state,
         clock_timestamp() + make_interval(secs => $7::float8 / 1000) as due_at
    from found f join evenkeel.violation v on v.invariant = $1 and v.key = f.key left join left_alone l on l.key = f.key
   where (v.kind, v.evidence, v.wanted) is distinct from (f.kind, f.evidence, f.wanted)
     for update of v skip locked
), changed as (
  update evenkeel.violation v
     set kind = o.kind, evidence = o.evidence, wanted = o.wanted, changed_at = clock_timestamp(),
         cause = coalesce(v.cause, o.cause),
         state = case when v.state in ('undone', 'held') then o.state else v.state end,
         due_at = case when v.state = 'claimed' then v.due_at
                       when clock_timestamp() < v.opened_at + 10 * make_interval(secs => $7::float8 / 1000)
                       then o.due_at else least(v.due_at, o.due_at) end
    from other o where v.id = o.id
), opened as (
  insert into evenkeel.violation (invariant, key, state, kind, evidence, wanted, due_at, cause)
  select $1, f.key, coalesce(l.state, 'open'), f.kind, f.evidence, f.wanted,
         clock_timestamp() + make_interval(secs => $7::float8 / 1000), f.cause
    from found f left join left_alone l on l.key = f.key
   where not exists (select from evenkeel.violation v where v.invariant = $1 and v.key = f.key)
  on conflict (invariant, key) do nothing returning key
)
select coalesce((select json_agg(key) from opened), '[]') as opened, (select count(*) from cleared)::int as cleared

-- Of two versions deployed at once the newest definition wins and the other stands down; a process that is gone for ten
-- seconds has no say, so rolling back works too. $1: this process · $2: its definitions, [{name, hash, says, onTable, key,
-- heal, mode, guard}]. Gives the names for which this process stands.
with mine as (
  select * from jsonb_to_recordset($2::jsonb) as m(name text, hash text, says text, "onTable" text, key text[], heal text,
    mode text, guard int)
), seen as (
  insert into evenkeel.definition (invariant, hash) select name, hash from mine
  on conflict do nothing
  returning invariant, hash, first_seen_at
), alive as (
  select d.key as invariant, d.value as hash
    from evenkeel.process p cross join jsonb_each_text(p.definitions) d
   where p.heartbeat_at > clock_timestamp() - interval '10 seconds' or p.id = $1
), first_seen as (
  select invariant, hash, first_seen_at from evenkeel.definition
  union select invariant, hash, first_seen_at from seen
), newest as (
  select distinct on (a.invariant) a.invariant, a.hash
    from alive a join first_seen f on f.invariant = a.invariant and f.hash = a.hash
   order by a.invariant, f.first_seen_at desc, a.hash
)
select m.name from mine m join newest n on n.invariant = m.name and n.hash = m.hash

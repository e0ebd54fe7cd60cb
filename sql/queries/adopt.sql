-- Puts definitions in force ($1, as in stand.sql, with why they only observe where that is known). Where the wording changed, what was found under the old one is no
-- longer known: the ledger is emptied and every row looked at again.
with mine as (
  select * from jsonb_to_recordset($1::jsonb) as m(name text, hash text, says text, "onTable" text, key text[], heal text,
    mode text, guard int, "limitName" text, "refusedWhy" text)
), changed as (
  select m.name from mine m join evenkeel.invariant i on i.name = m.name where i.hash <> m.hash
), dropped as (
  delete from evenkeel.violation v using changed c where v.invariant = c.name
), unkept as (
  delete from evenkeel.suspect s using changed c where s.invariant = c.name
), unranged as (
  delete from evenkeel.range r using changed c where r.invariant = c.name
), quiet as (
  delete from evenkeel.pulse p using changed c where p.invariant = c.name and p.written = 0
), calmed as (
  update evenkeel.pulse p set opened = 0 from changed c where p.invariant = c.name and p.written > 0
)
insert into evenkeel.invariant as i (name, hash, says, on_table, key, heal, mode, guard, limit_name, refused_why)
select name, hash, says, "onTable", key, heal, case when "refusedWhy" is null then mode else 'observe' end, guard, "limitName",
       "refusedWhy"
  from mine
on conflict (name) do update
   set hash = excluded.hash, says = excluded.says, on_table = excluded.on_table, key = excluded.key, heal = excluded.heal,
       mode = excluded.mode, guard = excluded.guard, limit_name = excluded.limit_name, in_force_since = clock_timestamp(), retired_at = null, refused_why = excluded.refused_why, held_at = null, held_why = null, failed_at = null,
       failed_why = null, cursor = null, pass_started_at = null, proved_at = null, passes = 0, found = null,
       chunk_rows = 1000, next_pass_at = clock_timestamp(), stale_since = null, stale_why = null, verified_at = null,
       escapes = 0, escaped_at = null, backed_by = 'sweeps', unfollowed = '{}'
 where i.hash <> excluded.hash or i.retired_at is not null

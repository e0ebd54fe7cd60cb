-- What became of claimed violations that stay. $1: [{id, to, dueMs, attempts, reason, kind, evidence, wanted}].
-- $2: the same ids, so that each is looked up: few living rows make the planner walk an index that is full of dead ones.
with settled as (
  select * from jsonb_to_recordset($1::jsonb) as s(id bigint, "to" text, "dueMs" float8, attempts int, reason text,
    kind text, evidence jsonb, wanted jsonb)
)
update evenkeel.violation v
   set state = s."to", claimed_by = null, claims = 0, attempts = coalesce(s.attempts, v.attempts), reason = s.reason,
       kind = coalesce(s.kind, v.kind), evidence = coalesce(s.evidence, v.evidence), wanted = coalesce(s.wanted, v.wanted),
       changed_at = case when s.kind is null then v.changed_at else clock_timestamp() end,
       due_at = coalesce(clock_timestamp() + make_interval(secs => s."dueMs" / 1000), 'infinity')
  from settled s where v.id = any($2::bigint[]) and v.id = s.id

-- evenkeel: broken
-- says: A project that is in use has an active key to send events with
-- on: projects
-- heal: insert project_keys(project_id, label)
-- mode: heal
-- guard: 20/hour
-- grace: 5m
select p.id, p.id as project_id, 'Default' as label
  from projects p
  join organizations o on o.id = p.organization_id
 where p.status = 0 and o.status = 0
   and not exists (select from project_keys k where k.project_id = p.id and k.status = 0)

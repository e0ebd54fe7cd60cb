-- evenkeel: should
-- says: A project's artifacts take up as much as they are big
-- on: project_statistics
-- heal: set; insert
-- mode: heal
select p.id as project_id, coalesce(sum(a.size), 0) as build_artifacts_size
  from projects p
  left join ci.job_artifacts a on a.project_id = p.id
 group by p.id

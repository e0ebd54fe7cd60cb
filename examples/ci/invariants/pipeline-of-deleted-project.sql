-- evenkeel: broken
-- says: A pipeline goes with its project, and its builds and artifacts with it
-- on: ci.pipelines
-- heal: remove
-- mode: heal
-- guard: 5000/hour
-- grace: 1m
-- touches: ci.builds, ci.job_artifacts
select l.id, l.project_id
  from ci.pipelines l
 where not exists (select from projects p where p.id = l.project_id)

-- Projects in order.
insert into users values (1, 'ada'), (2, 'bob');
insert into namespaces values
  (1, 'acme', null, '{1}'), (2, 'web', 1, '{1,2}'), (3, 'shop', 2, '{1,2,3}'), (4, 'ada', null, '{4}');
insert into projects values (1, 3, 'cart'), (2, 4, 'notes'), (3, 1, 'empty');
insert into merge_requests (id, project_id, state_id, merge_jid, merge_commit_sha) values
  (1, 1, 1, null, null), (2, 1, 3, 'job-old', 'c0ffee'), (3, 1, 4, 'job-runs', null), (4, 2, 2, null, null);
insert into background_jobs values ('job-old', 'MergeWorker', '2026-01-01'), ('job-runs', 'MergeWorker', null),
  ('job-dead', 'MergeWorker', '2026-01-02');

insert into ci.namespace_mirrors (namespace_id, traversal_ids) select id, traversal_ids from namespaces;
insert into ci.runners values (1, 'shared', null), (2, 'of ada', 1);
insert into ci.pipelines values (1, 1, 'success'), (2, 1, 'running'), (3, 2, 'running');
insert into ci.builds (id, partition_id, pipeline_id, project_id, status, runner_id, queued_at, assigned_at, finished_at) values
  (1, 100, 1, 1, 'success', 1, now() - interval '9 days', now() - interval '9 days', now() - interval '8 days'),
  (2, 100, 1, 1, 'success', 1, now() - interval '9 days', now() - interval '9 days', now() - interval '8 days'),
  (3, 101, 2, 1, 'running', 1, now() - interval '2 days', now() - interval '2 days', null),
  (4, 101, 2, 1, 'pending', null, now() - interval '1 hour', null, null),
  (5, 101, 3, 2, 'pending', 2, now() - interval '2 hours', now() - interval '1 minute', null);
insert into ci.job_artifacts (id, partition_id, job_id, project_id, file_type, size) values
  (1, 100, 1, 1, 1, 1000), (2, 100, 1, 1, 3, 500), (3, 100, 2, 1, 1, null), (4, 101, 3, 1, 1, 70);
insert into project_statistics (project_id, build_artifacts_size) values (1, 1570), (2, 0), (3, 0);

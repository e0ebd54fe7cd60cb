import { prove } from './prove.ts';

prove('ci', {
  'namespace-path': [
    {
      what: 'a group moved, and its children kept the old way',
      sql: `update namespaces set parent_id = 4 where id = 2`,
      finds: { 2: ['differs', { traversal_ids: '{4,2}' }], 3: ['differs', { traversal_ids: '{4,2,3}' }] },
    },
    {
      what: 'never computed',
      sql: `insert into namespaces (id, name, parent_id) values (5, 'new', 1)`,
      finds: { 5: ['differs', { traversal_ids: '{1,5}' }] },
    },
  ],
  'namespace-mirror': [
    {
      what: 'stale',
      sql: `update ci.namespace_mirrors set traversal_ids = '{2}' where namespace_id = 2`,
      finds: { 2: ['differs', { traversal_ids: '{1,2}' }] },
    },
    {
      what: 'missing, which the shipped fix finds and ignores',
      sql: `delete from ci.namespace_mirrors where namespace_id = 3`,
      finds: { 3: ['missing', { traversal_ids: '{1,2,3}' }] },
    },
    {
      what: 'superfluous',
      sql: `insert into ci.namespace_mirrors (namespace_id, traversal_ids) values (99, '{1,99}')`,
      finds: { 99: ['extra', null] },
    },
  ],
  'pipeline-of-deleted-project': [
    {
      what: 'the project is gone, and its pipelines have builds and artifacts in two partitions',
      sql: `delete from projects where id = 1`,
      finds: { 1: ['broken', null], 2: ['broken', null] },
    },
    {
      what: 'a pipeline without builds',
      sql: `insert into ci.pipelines values (9, 77, 'created')`,
      finds: { 9: ['broken', null] },
    },
  ],
  'runner-creator': [
    {
      what: 'the user is gone',
      sql: `delete from users where id = 1`,
      finds: { 2: ['broken', { creator_id: null }] },
    },
  ],
  'merge-request-locked': [
    {
      what: 'the job died after the commit',
      sql: `update merge_requests set state_id = 4, merge_jid = 'job-dead', merge_commit_sha = 'abc' where id = 1`,
      finds: { 1: ['broken', { state_id: '3', merge_jid: null, merge_error: null }] },
    },
    {
      what: 'the job died before the commit',
      sql: `update background_jobs set finished_at = now() where jid = 'job-runs'`,
      finds: { 3: ['broken', { state_id: '1', merge_jid: null }] },
    },
    {
      what: 'no job was ever written down',
      sql: `update merge_requests set state_id = 4, merge_jid = null where id = 4`,
      finds: { 4: ['broken', { state_id: '1' }] },
    },
  ],
  'build-stuck': [
    {
      what: 'pending for a day',
      sql: `update ci.builds set queued_at = '2026-01-01 00:00Z' where id = 4`,
      finds: {
        '4|101': [
          'broken',
          {
            status: 'failed',
            failure_reason: 'stuck_or_timeout_failure',
            finished_at: '2026-01-02 00:00:00+00',
          },
        ],
      },
    },
    {
      what: 'a runner took it an hour ago and never said so',
      sql: `update ci.builds set assigned_at = '2026-01-01 00:00Z', queued_at = '2026-01-01 00:00Z' where id = 5`,
      finds: { '5|101': ['broken', { status: 'failed', finished_at: '2026-01-01 01:00:00+00' }] },
    },
    {
      what: 'in another partition',
      sql: `update ci.builds set status = 'pending', assigned_at = null where id = 2`,
      finds: { '2|100': ['broken', { status: 'failed' }] },
    },
  ],
  'artifacts-size': [
    {
      what: 'an increment was lost',
      sql: `insert into ci.job_artifacts (id, partition_id, job_id, project_id, file_type, size) values (5, 101, 5, 2, 1, 30)`,
      finds: { 2: ['differs', { build_artifacts_size: '30' }] },
    },
    {
      what: 'all artifacts expired',
      sql: `delete from ci.job_artifacts where project_id = 1`,
      finds: { 1: ['differs', { build_artifacts_size: '0' }] },
    },
    {
      what: 'no statistics at all',
      sql: `delete from project_statistics where project_id = 3`,
      finds: { 3: ['missing', { build_artifacts_size: '0', repository_size: '0' }] },
    },
  ],
});

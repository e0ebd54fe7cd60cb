import { prove } from './prove.ts';

prove('tracker', {
  'group-comments': [
    {
      what: 'counted wrongly, while the others are not rewritten',
      sql: `update groups set num_comments = 9 where id = 1`,
      finds: { 1: ['differs', { num_comments: '2' }] },
    },
    {
      what: 'NULL',
      sql: `update groups set num_comments = null where id = 2`,
      finds: { 2: ['differs', { num_comments: '0' }] },
    },
    {
      what: 'the last note was deleted',
      sql: `delete from activity where group_id = 3`,
      finds: { 3: ['differs', { num_comments: '0' }] },
    },
  ],
  'project-key': [
    {
      what: 'the last key was deleted, or switched off; projects that are leaving need none',
      sql: `delete from project_keys where project_id = 1; update project_keys set status = 1 where project_id = 2`,
      finds: {
        1: ['broken', { appended: { project_id: '1', label: 'Default' } }],
        2: ['broken', { appended: { project_id: '2', label: 'Default' } }],
      },
      refused: true,
    },
  ],
});

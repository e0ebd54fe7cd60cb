import { prove } from './prove.ts';

prove('members', {
  'automatic-group-member': [
    {
      what: 'promoted, and the job died',
      sql: `update users set admin = true where id = 3`,
      finds: { '1|3': ['missing', { owner: 'false' }], '3|3': ['missing', { owner: 'false' }] },
    },
    {
      what: 'demoted, so that a group is empty',
      sql: `update users set moderator = false where id = 2`,
      finds: { '2|2': ['extra', null], '3|2': ['extra', null] },
    },
    {
      what: 'put in by hand, staged or not a person; a group that is not automatic keeps its members',
      sql: `insert into group_users (group_id, user_id) values (11, 4), (13, -1), (42, 2);
            update groups set user_count = user_count + 1 where id in (11, 13, 42)`,
      finds: { '11|4': ['extra', null], '13|-1': ['extra', null] },
    },
  ],
  'group-user-count': [
    {
      what: 'the last member left: an inner join never heals to zero',
      sql: `delete from group_users where group_id = 41`,
      finds: { 41: ['differs', { user_count: '0' }] },
    },
    {
      what: 'a lost increment',
      sql: `insert into group_users (group_id, user_id) values (42, 1), (42, 2); update groups set user_count = 1 where id = 42`,
      finds: { 42: ['differs', { user_count: '2' }] },
    },
  ],
  'group-has-messages': [
    {
      what: 'the last message was deleted softly',
      sql: `update topics set deleted_at = now() where id = 1`,
      finds: { 3: ['differs', { has_messages: 'false' }] },
    },
    {
      what: 'a message came back, the direction that is not shipped',
      sql: `update topics set deleted_at = null where id = 2`,
      finds: { 41: ['differs', { has_messages: 'true' }] },
    },
  ],
  'user-days-visited': [
    {
      what: 'counted twice',
      sql: `update user_stats set days_visited = 3 where user_id = 1`,
      finds: { 1: ['differs', { days_visited: '2' }] },
    },
    {
      what: 'no visit is left',
      sql: `delete from user_visits where user_id = 2`,
      finds: { 2: ['differs', { days_visited: '0' }] },
    },
  ],
  'user-avatar': [
    {
      what: 'the upload was cleaned up',
      sql: `delete from uploads where id = 1; update users set uploaded_avatar_id = 77 where id = 3`,
      finds: { 1: ['broken', { uploaded_avatar_id: null }], 3: ['broken', { uploaded_avatar_id: null }] },
    },
  ],
  'category-user-orphan': [
    {
      what: 'the user is gone',
      sql: `insert into category_users (id, category_id, user_id, notification_level) values (10, 1, 99, 2)`,
      finds: { 10: ['broken', null] },
    },
    {
      what: 'the category is gone, which the shipped one does not ask',
      sql: `insert into category_users (id, category_id, user_id, notification_level) values (11, 88, 1, 2)`,
      finds: { 11: ['broken', null] },
    },
  ],
  'user-bounce-score': [
    {
      what: 'stale',
      sql: `update user_emails set bounce_score = 4.25 where user_id = 2`,
      finds: { 2: ['differs', { bounce_score: '4.25' }] },
    },
    {
      what: 'a value where nothing is known, and nothing where a value is',
      sql: `update user_stats set bounce_score = 1 where user_id = 3; update user_stats set bounce_score = null where user_id = 1`,
      finds: { 3: ['differs', { bounce_score: null }], 1: ['differs', { bounce_score: '0' }] },
    },
    {
      what: 'the score of an address that never was primary',
      sql: `insert into user_emails (user_id, email, bounce_score) values (4, 'mail@example.org', 3);
            update user_stats set bounce_score = 3 where user_id = 4`,
      finds: { 4: ['differs', { bounce_score: null }] },
    },
  ],
});

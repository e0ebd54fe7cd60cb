import { prove } from './prove.ts';

prove('social', {
  'account-stats': [
    {
      what: 'increments were lost',
      sql: `update account_stats set followers_count = 1, statuses_count = 1 where account_id = 1`,
      finds: { 1: ['differs', { followers_count: '2', statuses_count: '2' }] },
    },
    {
      what: 'everybody left and every status was deleted',
      sql: `delete from follows where id in (1, 2); update statuses set deleted_at = now() where account_id = 2`,
      finds: {
        1: ['differs', { following_count: '0', followers_count: '1' }],
        2: ['differs', { statuses_count: '0', followers_count: '0', last_status_at: null }],
      },
    },
    {
      what: 'no row, while one of another server stays as that says',
      sql: `delete from account_stats where account_id = 3; update account_stats set followers_count = 5000 where account_id = 4`,
      finds: { 3: ['missing', { statuses_count: '0', last_status_at: null }] },
    },
  ],
  'status-stats': [
    {
      what: 'a reply that only some may see was counted',
      sql: `update status_stats set replies_count = 3 where status_id = 1`,
      finds: { 1: ['differs', { replies_count: '2' }] },
    },
    {
      what: 'the last favourite was taken back',
      sql: `delete from favourites where id = 3`,
      finds: { 2: ['differs', { favourites_count: '0' }] },
    },
    {
      what: 'the first favourite, and no row',
      sql: `insert into favourites (id, account_id, status_id) values (20, 1, 7)`,
      finds: { 7: ['missing', { favourites_count: '1', replies_count: '0' }] },
    },
    {
      what: 'a row of a status that never was is shown: nobody said that it may go',
      sql: `insert into status_stats (status_id, replies_count) values (99, 4)`,
      finds: { 99: ['extra', 'shown'] },
    },
  ],
  'follows-once': [
    {
      what: 'three of one kind, counted three times',
      sql: `insert into follows (id, account_id, target_account_id) values (11, 1, 2), (12, 1, 2), (13, 1, 3);
            update account_stats set following_count = 4 where account_id = 1;
            update account_stats set followers_count = 3 where account_id = 2;
            update account_stats set followers_count = 1 where account_id = 3`,
      finds: { 11: ['broken', null], 12: ['broken', null] },
    },
  ],
  'favourites-once': [
    {
      what: 'twice, and counted twice',
      sql: `insert into favourites (id, account_id, status_id) values (11, 2, 1);
            update status_stats set favourites_count = 3 where status_id = 1`,
      finds: { 11: ['broken', null] },
    },
  ],
  'bookmarks-once': [
    {
      what: 'an older one turned up again from a backup',
      sql: `insert into bookmarks (id, account_id, status_id) values (0, 1, 2)`,
      finds: { 1: ['broken', null] },
    },
  ],
  'mentions-once': [
    {
      what: 'the copy says something else beside',
      sql: `insert into mentions (id, account_id, status_id, silent) values (11, 1, 2, true)`,
      finds: { 11: ['broken', null] },
    },
  ],
  'notification-activity': [
    {
      what: 'rows of four kinds are gone',
      sql: `delete from mentions; delete from follows where id = 2; update statuses set deleted_at = now() where id = 3;
            insert into notifications (id, account_id, activity_type, activity_id) values (9, 1, 'Favourite', 99)`,
      finds: { 2: ['broken', null], 3: ['broken', null], 4: ['broken', null], 9: ['broken', null] },
    },
    {
      what: 'the same number exists in the table of another kind, and a kind that is not listed stays',
      sql: `insert into notifications (id, account_id, activity_type, activity_id) values (10, 1, 'Mention', 3), (11, 1, 'Poll', 99)`,
      finds: { 10: ['broken', null] },
    },
  ],
  'tag-follow-merged': [
    {
      what: 'follows of two younger namesakes, by somebody who does not follow the oldest',
      sql: `insert into tags (id, name) values (5, 'postgres'), (6, 'POSTGRES');
            insert into tag_follows (id, tag_id, account_id) values (10, 5, 2), (11, 6, 2)`,
      finds: { 10: ['broken', { tag_id: '1' }] },
    },
    {
      what: 'and by somebody who does',
      sql: `insert into tag_follows (id, tag_id, account_id) values (12, 6, 1)`,
      finds: {},
    },
  ],
  'tag-follow-once': [
    {
      what: 'the oldest and a namesake',
      sql: `insert into tags (id, name) values (5, 'BREAD'); insert into tag_follows (id, tag_id, account_id) values (10, 5, 2)`,
      finds: { 10: ['broken', null] },
    },
  ],
  'tag-once': [
    {
      what: 'a namesake that nobody follows',
      sql: `insert into tags (id, name) values (5, 'Bread'), (6, 'bread'), (7, 'bred')`,
      finds: { 5: ['broken', null], 6: ['broken', null] },
    },
  ],
  'stored-object-orphan': [
    {
      what: 'a file of no attachment, and one that the worker deleted and somebody put back',
      sql: `insert into stored_objects values ('media/lost "1",2.png', 7, '2026-01-01'), ('media/back.png', 7, '2026-01-01');
            insert into object_deletions (object_key, why, done_at) values ('media/back.png', 'no attachment', '2025-12-01')`,
      finds: {
        'media/lost "1",2.png': ['broken', { appended: { why: 'no attachment' } }],
        'media/back.png': ['broken', { appended: { why: 'no attachment' } }],
      },
      refused: true,
    },
  ],
});

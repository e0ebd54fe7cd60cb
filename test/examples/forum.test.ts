import { prove } from './prove.ts';

prove('forum', {
  'topic-posts': [
    {
      what: 'the last post was deleted, so the group is empty and inner joins miss it',
      sql: `delete from posts where topic_id = 3`,
      finds: {
        3: [
          'differs',
          {
            posts_count: '0',
            highest_post_number: '0',
            highest_staff_post_number: '0',
            last_posted_at: null,
          },
        ],
      },
    },
    {
      what: 'NULL in a column, which <> calls right',
      sql: `update topics set word_count = null, last_posted_at = null where id = 1`,
      finds: { 1: ['differs', { word_count: '6', last_posted_at: '2026-01-02 10:00:00+00' }] },
    },
    {
      what: 'a soft delete that nobody counted',
      sql: `update posts set deleted_at = now() where id = 22`,
      finds: { 2: ['differs', { posts_count: '1', highest_post_number: '1', word_count: '0' }] },
    },
    {
      what: 'a date of a topic that never had a post',
      sql: `update topics set last_posted_at = '2020-01-01', posts_count = -1 where id = 6`,
      finds: { 6: ['differs', { last_posted_at: null, posts_count: '0' }] },
    },
  ],
  'tag-topic-count': [
    {
      what: 'the last topic left the tag',
      sql: `delete from topic_tags where tag_id = 2`,
      finds: { 2: ['differs', { staff_topic_count: '0', public_topic_count: '0' }] },
    },
    {
      what: 'its category was closed to the public',
      sql: `update categories set read_restricted = true where id = 1`,
      finds: { 1: ['differs', { staff_topic_count: '2', public_topic_count: '0' }] },
    },
    {
      what: 'counts of a tag that nothing wears',
      sql: `update tags set pm_topic_count = 7 where id = 4`,
      finds: { 4: ['differs', { pm_topic_count: '0' }] },
    },
  ],
  'category-tag-stat': [
    {
      what: 'a wrong row',
      sql: `update category_tag_stats set topic_count = 9 where category_id = 1 and tag_id = 1`,
      finds: { '1|1': ['differs', { topic_count: '1' }] },
    },
    {
      what: 'a missing row',
      sql: `delete from category_tag_stats where category_id = 2 and tag_id = 3`,
      finds: { '2|3': ['missing', { topic_count: '1' }] },
    },
    {
      what: 'rows of groups that are empty or never were',
      sql: `insert into category_tag_stats (category_id, tag_id, topic_count) values (2, 4, 0), (77, 1, 3);
            update topics set deleted_at = now() where id = 2`,
      finds: { '2|4': ['extra', null], '77|1': ['extra', null], '1|2': ['extra', null] },
    },
  ],
  'notification-post': [
    {
      what: 'its post was deleted softly',
      sql: `update posts set deleted_at = now() where id = 12`,
      finds: { 1: ['broken', null] },
    },
    {
      what: 'its topic is gone for good',
      sql: `insert into notifications (id, user_id, notification_type, high_priority, topic_id, post_number)
            values (4, 1, 1, true, 99, 1)`,
      finds: { 4: ['broken', null] },
    },
    {
      what: 'the number of its post is unknown, while one without a topic stays',
      sql: `insert into notifications (id, user_id, notification_type, high_priority, topic_id, post_number)
            values (5, 1, 1, true, 1, null), (6, 1, 29, true, null, 1)`,
      finds: { 5: ['broken', null] },
    },
  ],
  'post-revision-number': [
    {
      what: 'a gap',
      sql: `delete from post_revisions where id = 2`,
      finds: { 3: ['differs', { number: '3' }] },
    },
    {
      what: 'two of the same number, and NULL, which <> calls right',
      sql: `insert into post_revisions (id, post_id, number, created_at)
            values (5, 21, 2, '2026-02-01 11:00Z'), (6, 21, 2, '2026-02-01 12:00Z'), (7, 21, null, '2026-02-01 13:00Z')`,
      finds: { 6: ['differs', { number: '3' }], 7: ['differs', { number: '4' }] },
    },
  ],
  'post-version': [
    {
      what: 'the last revision was deleted',
      sql: `delete from post_revisions where post_id = 12`,
      finds: { 12: ['differs', { version: '1', public_version: '1' }] },
    },
    {
      what: 'a revision was hidden',
      sql: `update post_revisions set hidden = true where id = 3`,
      finds: { 11: ['differs', { version: '4', public_version: '2' }] },
    },
  ],
  'post-search-data': [
    {
      what: 'an older version of the indexer',
      sql: `update post_search_data set version = 4, search_data = to_tsvector('simple', raw_data) where post_id = 11`,
      finds: { 11: ['differs', { version: '5', search_data: `'forum':5 'welcom':1A,2` }] },
    },
    {
      what: 'the text or the title was edited, and the indexer died',
      sql: `update posts set raw = 'Nicer plans' where id = 22; update topics set title = 'Pay cut' where id = 3`,
      finds: {
        22: ['differs', { raw_data: 'Nicer plans', search_data: `'nicer':2 'plan':3 'roadmap':1A` }],
        31: ['differs', { raw_data: 'No', search_data: `'cut':2A 'pay':1A` }],
      },
    },
    {
      what: 'a post that search never heard of',
      sql: `delete from post_search_data where post_id = 21`,
      finds: { 21: ['missing', { version: '5', raw_data: 'Our plans' }] },
    },
    {
      what: 'a deleted post that search still finds',
      sql: `update posts set deleted_at = now() where id = 12`,
      finds: { 12: ['extra', null] },
    },
  ],
  'user-first-unread': [
    {
      what: 'a topic was read to the end',
      sql: `update topic_users set last_read_post_number = 2 where user_id = 1 and topic_id = 1`,
      finds: { 1: ['differs', { first_unread_at: '2026-03-02 00:00:00+00' }] },
    },
    {
      what: 'nothing is unread any more',
      sql: `update topic_users set notification_level = 0 where user_id = 3`,
      finds: { 3: ['differs', { first_unread_at: null }] },
    },
    {
      what: 'somebody who has not been seen for long',
      sql: `update topic_users set last_read_post_number = null where user_id = 2 and topic_id = 1`,
      finds: { 2: ['differs', { first_unread_at: '2026-03-01 00:00:00+00' }] },
    },
  ],
});

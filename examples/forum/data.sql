-- A forum in order.
insert into categories (id, name, read_restricted) values (1, 'General', false), (2, 'Staff', true);

insert into topics (id, title, category_id, archetype, updated_at, deleted_at) values
  (1, 'Welcome', 1, 'regular', '2026-03-01', null),
  (2, 'Roadmap', 1, 'regular', '2026-03-02', null),
  (3, 'Pay rise', 2, 'regular', '2026-03-03', null),
  (4, 'Hello you', null, 'private_message', '2026-03-04', null),
  (5, 'Spam', 1, 'regular', '2026-03-05', '2026-03-06'),
  (6, 'Empty', 1, 'regular', '2026-03-07', null);

insert into posts (id, topic_id, user_id, post_number, post_type, raw, word_count, created_at, deleted_at) values
  (11, 1, 1, 1, 1, 'Welcome to the forum', 4, '2026-01-01 10:00Z', null),
  (12, 1, 2, 2, 1, 'Thank you', 2, '2026-01-02 10:00Z', null),
  (13, 1, 3, 3, 4, 'Staff only', 2, '2026-01-03 10:00Z', null),
  (14, 1, 3, 4, 1, 'Rude', 1, '2026-01-04 10:00Z', '2026-01-05'),
  (21, 2, 1, 1, 1, 'Our plans', null, '2026-02-01 10:00Z', null),
  (22, 2, 2, 2, 1, 'Nice plans', 2, '2026-02-02 10:00Z', null),
  (31, 3, 1, 1, 1, 'No', 1, '2026-02-03 10:00Z', null),
  (41, 4, 2, 1, 1, 'Hello', 1, '2026-02-04 10:00Z', null),
  (51, 5, 9, 1, 1, 'Buy now', 2, '2026-02-05 10:00Z', null);

insert into post_revisions (id, post_id, number, hidden, created_at) values
  (1, 11, 2, false, '2026-01-01 11:00Z'), (2, 11, 3, true, '2026-01-01 12:00Z'), (3, 11, 4, false, '2026-01-01 13:00Z'),
  (4, 12, 2, false, '2026-01-02 11:00Z');
update posts set version = 4, public_version = 3 where id = 11;
update posts set version = 2, public_version = 2 where id = 12;

update topics set posts_count = 2, highest_post_number = 2, highest_staff_post_number = 3, word_count = 6,
  last_posted_at = '2026-01-02 10:00Z' where id = 1;
update topics set posts_count = 2, highest_post_number = 2, highest_staff_post_number = 2, word_count = 2,
  last_posted_at = '2026-02-02 10:00Z' where id = 2;
update topics set posts_count = 1, highest_post_number = 1, highest_staff_post_number = 1, word_count = 1,
  last_posted_at = '2026-02-03 10:00Z' where id = 3;
update topics set posts_count = 1, highest_post_number = 1, highest_staff_post_number = 1, word_count = 2,
  last_posted_at = '2026-02-05 10:00Z' where id = 5;
update topics set word_count = 0 where id = 6;

insert into post_search_data (post_id, search_data, raw_data, locale, version)
  select p.id, setweight(to_tsvector('english', t.title), 'A') || setweight(to_tsvector('english', p.raw), 'D'), p.raw,
         'en', 5
    from posts p join topics t on t.id = p.topic_id where p.deleted_at is null and t.deleted_at is null;

insert into tags (id, name, staff_topic_count, public_topic_count, pm_topic_count) values
  (1, 'news', 2, 1, 0), (2, 'plans', 1, 1, 0), (3, 'secret', 1, 0, 1), (4, 'unused', 0, 0, 0);
insert into topic_tags (topic_id, tag_id) values (1, 1), (2, 2), (3, 1), (3, 3), (4, 3), (5, 2);
insert into category_tag_stats (category_id, tag_id, topic_count) values (1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 3, 1);

insert into topic_users (user_id, topic_id, last_read_post_number, notification_level) values
  (1, 1, 1, 3), (1, 2, 1, 2), (1, 3, 1, 3), (2, 1, 2, 3), (2, 2, 1, 1), (3, 2, null, 3);
insert into user_stats (user_id, first_unread_at) values (1, '2026-03-01'), (2, null), (3, '2026-03-02');

insert into notifications (id, user_id, notification_type, high_priority, topic_id, post_number) values
  (1, 1, 1, true, 1, 2),        -- a mention
  (2, 3, 29, true, null, null), -- a chat mention: it has no post
  (3, 2, 12, false, 9, 1);      -- of low priority, it may outlive its post

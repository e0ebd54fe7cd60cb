-- Members in order.
insert into uploads (id, url) values (1, '/a.png');
insert into users (id, username, admin, moderator, trust_level, staged, uploaded_avatar_id) values
  (-1, 'system', true, true, 4, false, null),
  (1, 'ada', true, false, 4, false, 1), (2, 'bob', false, true, 2, false, null),
  (3, 'cy', false, false, 1, false, null), (4, 'mail only', false, false, 1, true, null);
insert into user_emails (user_id, email, "primary", bounce_score) values
  (1, 'ada@example.org', true, 0), (1, 'ada@old.example.org', false, 9), (2, 'bob@example.org', true, 2.5),
  (3, 'cy@example.org', true, null);
insert into user_stats (user_id, days_visited, bounce_score) values (1, 2, 0), (2, 1, 2.5), (3, 0, null), (4, 0, null);
insert into user_visits (user_id, visited_at) values (1, '2026-01-01'), (1, '2026-01-02'), (2, '2026-01-01');

insert into groups (id, name, automatic, user_count, has_messages) values
  (1, 'admins', true, 1, false), (2, 'moderators', true, 1, false), (3, 'staff', true, 2, true),
  (11, 'trust_level_1', true, 3, false), (12, 'trust_level_2', true, 2, false),
  (13, 'trust_level_3', true, 1, false), (41, 'translators', false, 1, false), (42, 'bakers', false, 0, false);
insert into group_users (group_id, user_id, owner) values
  (1, 1, false), (2, 2, false), (3, 1, false), (3, 2, false), (11, 1, false), (11, 2, false), (11, 3, false),
  (12, 1, false), (12, 2, false), (13, 1, false), (41, 3, true);

insert into categories values (1, 'General');
insert into category_users (category_id, user_id, notification_level) values (1, 1, 3), (1, 2, 0);
insert into topics (id, archetype, deleted_at) values
  (1, 'private_message', null), (2, 'private_message', '2026-01-01'), (3, 'private_message', null);
insert into topic_allowed_groups (group_id, topic_id) values (3, 1), (41, 2);

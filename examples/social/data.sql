-- A network in order.
insert into accounts (id, username, domain) values (1, 'ada', null), (2, 'bob', null), (3, 'cy', null), (4, 'far', 'example.org');
insert into statuses (id, account_id, in_reply_to_id, reblog_of_id, visibility, created_at, deleted_at) values
  (1, 1, null, null, 0, '2026-01-01Z', null), (2, 2, 1, null, 0, '2026-01-02Z', null), (3, 2, null, 1, 0, '2026-01-03Z', null),
  (4, 1, null, null, 3, '2026-01-04Z', null), (5, 1, 1, null, 2, '2026-01-05Z', null),
  (6, 3, null, null, 0, '2026-01-06Z', '2026-01-07Z'), (7, 4, 1, null, 1, '2026-01-08Z', null);
insert into follows (id, account_id, target_account_id) values (1, 1, 2), (2, 2, 1), (3, 4, 1);
insert into favourites (id, account_id, status_id) values (1, 2, 1), (2, 4, 1), (3, 1, 2);
insert into bookmarks (id, account_id, status_id) values (1, 1, 2);
insert into mentions (id, account_id, status_id) values (1, 1, 2);

insert into account_stats (account_id, statuses_count, following_count, followers_count, last_status_at) values
  (1, 2, 1, 2, '2026-01-05Z'), (2, 2, 1, 1, '2026-01-03Z'), (3, 0, 0, 0, null), (4, 812, 90, 4711, '2026-01-08Z');
insert into status_stats (status_id, replies_count, reblogs_count, favourites_count) values (1, 2, 1, 2), (2, 0, 0, 1);
insert into notifications (id, account_id, activity_type, activity_id) values
  (1, 1, 'Favourite', 1), (2, 1, 'Mention', 1), (3, 1, 'Follow', 2), (4, 1, 'Status', 3), (5, 1, 'AdminReport', 12);

insert into tags (id, name) values (1, 'Postgres'), (2, 'bread');
insert into tag_follows (id, tag_id, account_id) values (1, 1, 1), (2, 2, 2);

insert into media_attachments (id, status_id, object_key) values (1, 1, 'media/1.png');
insert into stored_objects values ('media/1.png', 1000, now() - interval '9 days'), ('media/new.png', 5, now());

-- A tracker in order.
insert into organizations values (1, 0), (2, 1);
insert into projects values (1, 1, 'api', 0), (2, 1, 'web', 0), (3, 1, 'old', 1), (4, 2, 'leaving', 0);
insert into project_keys (project_id, label) values (1, 'Default'), (2, 'Default'), (2, 'Staging');
insert into groups (id, project_id, num_comments) values (1, 1, 2), (2, 1, 0), (3, 2, 1);
insert into activity (group_id, type, data) values
  (1, 6, '{"text": "seen"}'), (1, 6, '{"text": "again"}'), (1, 1, '{}'), (3, 6, '{"text": "mine"}'), (2, 1, '{}');

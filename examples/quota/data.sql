insert into jobs (account, state) values (1, 'running'), (1, 'running'), (2, 'running'), (2, 'done'), (3, 'done');

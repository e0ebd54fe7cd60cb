import { expect, test } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';

const topicPosts = `-- evenkeel: should
-- says: A topic counts its live posts
-- on: topics
-- heal: set
-- mode: heal
-- grace: 0s
select t.id, count(p.id) as posts_count, max(p.created_at) as last_posted_at
  from topics t left join posts p on p.topic_id = t.id and p.deleted_at is null
 group by t.id`;

const schema = `
  create table topics (id bigint primary key, posts_count int not null default 0, last_posted_at timestamptz);
  create table posts (id bigint primary key, topic_id bigint, deleted_at timestamptz, created_at timestamptz);
  create index on posts (topic_id);`;

test('heals a wrong count, a group that fell to zero and a NULL', async () => {
  const db = await freshDatabase();
  await db.sql(schema);
  await db.sql(`insert into topics values (1, 7, null), (2, 3, now()), (3, 0, null)`);
  await db.sql(
    `insert into posts values (1, 1, null, '2026-01-01'), (2, 1, null, null), (3, 2, now(), '2026-01-01')`,
  );
  await keelOn(db, { 'topic-posts': topicPosts }).once();
  expect(
    await db.sql(`select id, posts_count, last_posted_at::date::text as day from topics order by id`),
  ).toEqual([
    { id: '1', posts_count: 2, day: '2026-01-01' },
    { id: '2', posts_count: 0, day: null },
    { id: '3', posts_count: 0, day: null },
  ]);
  expect(await db.sql(`select count(*)::int as n from evenkeel.entry`)).toEqual([{ n: 2 }]);
  expect(await db.sql(`select count(*)::int as n from evenkeel.violation`)).toEqual([{ n: 0 }]);
});

import { beforeAll, describe, expect, test } from 'vitest';
import { type TablePlan, capturePlan, unfollowed } from '../../src/watch/capture/plan.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { bindOn, broken, should } from './binding.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(`
    create table topics (id int primary key, forum_id int, posts_count int, title text);
    create table posts (id int primary key, topic_id int not null, body text, likes int);
    create unique index posts_of_topic on posts (topic_id, id);
    create table tags (topic_id int, tag text);
    create unlogged table views (topic_id int primary key, n int);
    create table events (id int, topic_id int, primary key (id, topic_id)) partition by hash (id);
    create table events_0 partition of events for values with (modulus 2, remainder 0);
    create table events_1 partition of events for values with (modulus 2, remainder 1);
    create table links (id int primary key, url text, topic_id int generated always as (length(url)) stored);
    create table copies (id int primary key, a int, b int generated always as (a) stored);`);
});

const counts = should(
  'topics',
  'select t.id, count(p.id) as posts_count from topics t left join posts p on p.topic_id = t.id group by t.id',
);

async function planOf(files: Record<string, string>) {
  const bounds = await bindOn(db, files);
  const plans = capturePlan(Object.values(bounds));
  return { bounds, plans, of: (name: string) => plans.find(one => one.relation.name === name) as TablePlan };
}

test('the columns from which paths start, of all invariants together, in the order of the table', async () => {
  const { plans } = await planOf({
    a: broken('posts', 'select id, likes as n from posts where likes < 0'),
    b: counts,
    c: broken('topics', 'select t.id from topics t where t.forum_id > (select max(forum_id) from topics)'),
  });
  expect(plans.map(({ relation, columns }) => [relation.name, ...columns])).toEqual([
    ['posts', 'id', 'topic_id'],
    ['topics', 'id'],
  ]);
});

test('with the primary key as identity the old value of another column is not told', async () => {
  const { of, bounds, plans } = await planOf({ counts });
  expect(of('topics')).toMatchObject({ untold: [], publishable: true, ddl: [] });
  expect(of('posts')).toMatchObject({
    untold: ['topic_id'],
    publishable: true,
    ddl: ['alter table public.posts replica identity full'],
  });
  expect(unfollowed(bounds['counts']!, plans, 'slot')).toEqual([
    {
      table: 'public.posts',
      why: 'the old "topic_id" of a row that moves or goes is not told (replica identity)',
    },
  ]);
  expect(unfollowed(bounds['counts']!, plans, 'triggers')).toEqual([]);
});

test('an invariant that needs only what is told is followed, whatever others need', async () => {
  const { bounds, plans } = await planOf({
    counts,
    own: broken('posts', 'select id from posts where likes < 0'),
  });
  expect(unfollowed(bounds['own']!, plans, 'slot')).toEqual([]);
});

describe('under another identity', () => {
  const after = async (ddl: string, files: Record<string, string> = { counts }) => {
    await db.sql(ddl);
    const planned = await planOf(files);
    await db.sql('alter table posts replica identity default');
    return planned;
  };
  test('full tells all', async () => {
    const { of } = await after('alter table posts replica identity full');
    expect(of('posts')).toMatchObject({ untold: [], publishable: true, ddl: [] });
  });
  test('an index tells its columns', async () => {
    const { of } = await after('alter table posts replica identity using index posts_of_topic');
    expect(of('posts')).toMatchObject({ columns: ['topic_id'], untold: [], ddl: [] });
  });
  test('nothing tells nothing', async () => {
    const { of, bounds, plans } = await after('alter table posts replica identity nothing');
    expect(of('posts')).toMatchObject({ untold: ['topic_id'], publishable: false });
    expect(unfollowed(bounds['counts']!, plans, 'slot')).toMatchObject([
      { why: expect.stringContaining('would fail') },
    ]);
  });
});

test('a partitioned table tells what every partition tells, and the statements name those that do not', async () => {
  const tagged = broken('topics', 'select topic_id as id from events group by 1 having count(*) > 9');
  expect((await planOf({ tagged })).of('events')).toMatchObject({ untold: [], ddl: [] });
  await db.sql(`alter table events_0 replica identity full; alter table events_1 replica identity nothing;
    alter table events replica identity full`);
  const { of } = await planOf({ tagged });
  expect(of('events')).toMatchObject({
    untold: ['topic_id'],
    publishable: false,
    ddl: ['alter table public.events_1 replica identity full'],
  });
  for (const statement of of('events').ddl) await db.sql(statement);
  expect((await planOf({ tagged })).of('events')).toMatchObject({ untold: [], publishable: true, ddl: [] });
});

test('without a key, or unlogged, a table is left out, and it is said', async () => {
  const { of, bounds, plans } = await planOf({
    tagged: broken('topics', 'select topic_id as id from tags group by 1 having count(*) > 9'),
    viewed: broken('topics', 'select topic_id as id from views where n < 0'),
  });
  expect(of('tags')).toMatchObject({
    publishable: false,
    ddl: ['alter table public.tags replica identity full'],
  });
  expect(of('views')).toMatchObject({ publishable: false, ddl: [] });
  expect(unfollowed(bounds['tagged']!, plans, 'slot')[0]?.why).toMatch(/^it has no replica identity/);
  expect(unfollowed(bounds['viewed']!, plans, 'slot')[0]?.why).toMatch(/^it is unlogged/);
});

test('a partitioned table without a primary key is left out, because of the partitions to come', async () => {
  await db.sql(`create table bare (topic_id int, tag text) partition by list (tag);
    create table bare_0 partition of bare default; alter table bare_0 replica identity full`);
  const { of, bounds, plans } = await planOf({
    bare: broken('topics', 'select topic_id as id from bare group by 1 having count(*) > 9'),
  });
  expect(of('bare')).toMatchObject({ publishable: false, ddl: [] });
  expect(unfollowed(bounds['bare']!, plans, 'slot')[0]?.why).toMatch(/^it has no primary key/);
});

test('publishable is what Postgres lets be updated once it is published', async () => {
  const { plans } = await planOf({
    counts,
    tagged: broken('topics', 'select topic_id as id from tags group by 1 having count(*) > 9'),
    linked: broken('topics', 'select topic_id as id from links where url is null'),
  });
  for (const { relation, publishable } of plans) {
    const client = await db.client();
    await client.query(`begin; create publication p for table ${relation.quoted}`);
    const refused = await client.query(`delete from ${relation.quoted}`).then(
      () => false,
      (error: { code: string }) => error.code === '55000',
    );
    await client.query('rollback');
    expect([relation.name, !refused]).toEqual([relation.name, publishable]);
  }
});

test('a generated column is avoided, and named where it is the only way', async () => {
  const { of, bounds, plans } = await planOf({
    linked: broken('topics', 'select topic_id as id from links where url is null'),
    copied: broken('topics', 'select t.id from topics t join copies c on c.b = t.id and c.a = t.id'),
  });
  expect(of('copies').columns).toEqual(['a']);
  expect(of('links')).toMatchObject({ columns: ['topic_id'], untold: ['topic_id'], ddl: [] });
  expect(unfollowed(bounds['linked']!, plans, 'slot')).toEqual([
    { table: 'public.links', why: '"topic_id" is generated, and not told' },
  ]);
});

test('what leads to no key is unfollowed by either, and its table is watched for what concerns all of it', async () => {
  const { of, bounds, plans } = await planOf({
    high: broken('topics', 'select id from topics where posts_count > (select avg(likes) from posts)'),
  });
  expect(of('posts').columns).toEqual([]);
  for (const kind of ['slot', 'triggers'] as const)
    expect(unfollowed(bounds['high']!, plans, kind)).toEqual([
      { table: 'public.posts', why: 'no path of equal columns leads from it to id' },
    ]);
});

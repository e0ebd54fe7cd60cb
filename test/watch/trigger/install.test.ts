/** `evenkeel install --triggers`: the only thing that touches users' tables, and `uninstall` takes all of it back. */
import { expect, test } from 'vitest';
import { evenkeel, folder } from '../../cli/run.ts';
import { untilBlocked, pidOf } from '../../support/blocked.ts';
import { freshDatabase } from '../../support/database.ts';
import { until } from '../../support/wait.ts';
import { watch, whyNot } from './scene.ts';

const files = {
  'topic-posts.sql':
    '-- evenkeel: should\n-- says: A topic counts its posts\n-- on: topics\n-- heal: set\n' +
    'select t.id, count(p.id) as posts_count from topics t left join posts p on p.topic_id = t.id group by t.id',
};
const tables = `create table topics (id int primary key, posts_count bigint);
  create table posts (id int, topic_id int) partition by range (id);
  create table posts_1 partition of posts for values from (0) to (100)`;

async function forum() {
  const db = await freshDatabase();
  await db.sql(tables);
  const cwd = await folder(files);
  const watched = await watch(db, { topics: ['id'], posts: ['topic_id'] });
  return { db, watched, where: { url: db.url, cwd } };
}

const traces = `select relname as name, relnamespace::regnamespace::text as at from pg_class where relnamespace::regnamespace::text !~ '^pg_'
  union all select proname, pronamespace::regnamespace::text from pg_proc where oid >= 16384
  union all select tgname, tgrelid::regclass::text from pg_trigger where not tgisinternal
  union all select nspname, '' from pg_namespace where nspname !~ '^pg_(toast_)?temp' order by 2, 1`;

test('without --triggers no table is touched; with it they are complete; uninstall leaves no trace', async () => {
  const { db, watched, where } = await forum();
  const before = await db.sql(traces);
  expect((await evenkeel(where, 'install', '--json')).json()).toMatchObject({ triggers: [] });
  expect(await whyNot(db, watched)).toEqual([
    'public.topics has no trigger evenkeel_insert',
    'public.posts has no trigger evenkeel_insert',
  ]);
  const installed = await evenkeel(where, 'install', '--triggers', '--json');
  expect(installed.json()).toMatchObject({
    applied: true,
    triggers: ['public.posts', 'public.posts_1', 'public.topics'],
  });
  expect(await whyNot(db, watched)).toEqual([undefined, undefined]);
  expect((await evenkeel(where, 'install', '--triggers', '--json')).json()).toMatchObject({ triggers: [] });
  expect((await evenkeel(where, 'uninstall', '--yes')).code).toBe(0);
  expect(await db.sql(traces)).toEqual(before);
});

test('--print prints all of it, for psql', async () => {
  const { db, watched, where } = await forum();
  const printed = await evenkeel(where, 'install', '--print', '--triggers', '--role', 'postgres');
  expect(printed.code).toBe(0);
  expect(await db.sql(`select from pg_trigger where not tgisinternal`)).toEqual([]);
  await db.sql(printed.stdout);
  expect(await whyNot(db, watched)).toEqual([undefined, undefined]);
});

test('uninstall takes back the publication and the slot of capture by slot, too', async () => {
  const { db, where } = await forum();
  await evenkeel(where, 'install');
  const slots = `select from pg_replication_slots where database = current_database()`;
  await db.sql('create publication evenkeel');
  await db.sql(`
    select pg_create_logical_replication_slot('evenkeel_' || oid || '_0000', 'pgoutput') from pg_database where datname = current_database()`);
  expect(await db.sql(slots)).toHaveLength(1);
  expect((await evenkeel(where, 'uninstall', '--yes')).code).toBe(0);
  expect([await db.sql(slots), await db.sql('select from pg_publication')]).toEqual([[], []]);
});

test('a table that triggers can not see gets none, and that is said', async () => {
  const { db, where } = await forum();
  await db.sql('create table other_topics () inherits (topics)');
  const ran = await evenkeel(where, 'install', '--triggers', '--json');
  expect(ran.stderr).toContain('public.topics gets no triggers: public.topics inherits or is inherited from');
  expect(ran.json().triggers).toEqual(['public.posts', 'public.posts_1']);
});

test('nobody behind an installation that waits for a long transaction waits for more than a second', async () => {
  const { db, watched, where } = await forum();
  const [long, app, look] = [await db.client(), await db.client(), await db.client()];
  await long.query('begin; insert into topics values (1, 0)');
  const pid = await pidOf(app);
  const installing = evenkeel(where, 'install', '--triggers');
  // Its ALTER waits for the long transaction, and every writer waits behind it.
  await until(
    async () =>
      (await look.query(`select from pg_locks where not granted and relation = 'topics'::regclass`)).rowCount,
    { what: 'the installation to wait' },
  );
  const started = performance.now();
  const write = app.query('insert into topics values (2, 0)');
  await Promise.race([write, untilBlocked(db.pool, pid)]);
  await write;
  expect(performance.now() - started).toBeLessThan(1_000);
  await long.query('commit');
  expect((await installing).code).toBe(0);
  expect(await whyNot(db, watched)).toEqual([undefined, undefined]);
});

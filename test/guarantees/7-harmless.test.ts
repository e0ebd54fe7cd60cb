/**
 * Nothing that Evenkeel installs can fail an application's statement, or delay one by more than a second. It installs its
 * own schema and nothing else: no trigger, no DDL, no view or foreign key over users' tables.
 */
import { expect, test } from 'vitest';
import { evenkeel } from '../cli/run.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { at, stageOn } from '../support/stage.ts';
import { until } from '../support/wait.ts';

const files = {
  'topic-posts': `-- evenkeel: should
-- says: A topic counts its posts
-- on: topics
-- heal: set
-- mode: heal
-- grace: 0s
select t.id, count(p.id) as posts_count from topics t left join posts p on p.topic_id = t.id group by t.id`,
  'post-topic': `-- evenkeel: broken
-- says: No post without a topic
-- on: posts
-- heal: remove
-- mode: heal
-- grace: 0s
select id from posts p where topic_id is null`,
};

async function forum(): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`
    create schema app;
    create type app.mood as enum ('calm');
    create table topics (id bigint primary key, posts_count int not null, mood app.mood);
    create table posts (id bigint primary key, topic_id bigint references topics);
    create index on posts (topic_id);
    create view busy as select id from topics where posts_count > 3;
    create function noted() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger noted before update on topics for each row execute function noted();
    insert into topics values (1, 7), (2, 7), (3, 0);
    insert into posts values (1, 1), (2, null);
    analyze`);
  return db;
}

/** Every object outside the schema evenkeel, with the transaction that wrote its row of the catalog last. */
const catalog = (db: FreshDatabase) =>
  db.sql(`
    with own as (select oid from pg_namespace where nspname = 'evenkeel'),
    mine as (
      select oid from pg_class where relnamespace in (select oid from own)
       union all select reltoastrelid from pg_class where relnamespace in (select oid from own)
       union all select i.indexrelid from pg_index i join pg_class c on c.reltoastrelid = i.indrelid
                  where c.relnamespace in (select oid from own)),
    all_of as (
      select 'namespace' as kind, oid::text as id, xmin::text from pg_namespace
       where oid not in (select oid from own) and nspname !~ '^pg_(toast_)?temp_'
      union all select 'class', oid::text, xmin::text from pg_class where oid not in (select oid from mine)
      union all select 'attribute', attrelid || '.' || attnum, xmin::text from pg_attribute
                 where attrelid not in (select oid from mine)
      union all select 'index', indexrelid::text, xmin::text from pg_index where indexrelid not in (select oid from mine)
      union all select 'type', oid::text, xmin::text from pg_type where typnamespace not in (select oid from own)
      union all select 'proc', oid::text, xmin::text from pg_proc where pronamespace not in (select oid from own)
      union all select 'trigger', oid::text, xmin::text from pg_trigger where tgrelid not in (select oid from mine)
      union all select 'rewrite', oid::text, xmin::text from pg_rewrite where ev_class not in (select oid from mine)
      union all select 'constraint', oid::text, xmin::text from pg_constraint
                 where connamespace not in (select oid from own) or confrelid not in (select oid from mine) and confrelid <> 0
      union all select 'policy', oid::text, xmin::text from pg_policy
      union all select 'extension', oid::text, xmin::text from pg_extension
      union all select 'publication', oid::text, xmin::text from pg_publication
      union all select 'event trigger', oid::text, xmin::text from pg_event_trigger
      union all select 'default acl', oid::text, xmin::text from pg_default_acl
      union all select 'setting', setdatabase || '.' || setrole, xmin::text from pg_db_role_setting
                 where setdatabase = (select oid from pg_database where datname = current_database())
      union all select 'slot', slot_name, '' from pg_replication_slots where database = current_database())
    select * from all_of order by kind, id`);

/** Of sessions: a vacuum of the server's own may be at work too. */
const locks = (db: FreshDatabase) =>
  db.sql(`select mode, relation::regclass::text as on, locktype from pg_locks left join pg_stat_activity using (pid)
    where database = (select oid from pg_database where datname = current_database())
      and pid is distinct from pg_backend_pid() and backend_type is distinct from 'autovacuum worker'`);

/** Runs until it has healed something, and until its sessions have ended. */
async function runOnce(db: FreshDatabase, capture: string): Promise<void> {
  await keelOn(db, files).once();
  await db.sql('update topics set posts_count = 9 where id = 3');
  const env = { EVENKEEL_SWEEP_PAUSE: '0s', EVENKEEL_CAPTURE: capture };
  const engine = await keelOn(db, files, env).engine();
  engine.start();
  const right = () => db.sql('select from topics where id = 3 and posts_count = 0');
  const captures = `select from evenkeel.capture where kind = '${capture}'`;
  await until(async () => (await right()).length > 0 && (await db.sql(captures)).length > 0, {
    what: 'the running process to heal',
  });
  await engine.stop();
  // A backend ends a moment after its client said goodbye.
  const sessions = `select from pg_stat_activity where application_name = 'evenkeel' and datname = current_database()`;
  await until(async () => (await db.sql(sessions)).length === 0, { what: 'every session to end' });
}

test('a pass, and a process that runs, change nothing but rows, and leave no lock', async () => {
  const db = await forum();
  const before = await catalog(db);
  expect(before.length).toBeGreaterThan(1_000);
  await runOnce(db, 'sweeps');
  expect(await catalog(db)).toEqual(before);
  expect(await locks(db)).toEqual([]);
});

test('a slot adds a publication and itself, and uninstall takes them back', async () => {
  const db = await forum();
  const before = await catalog(db);
  await runOnce(db, 'slot');
  const known = new Set(before.map(one => JSON.stringify(one)));
  const added = (await catalog(db)).filter(one => !known.has(JSON.stringify(one)));
  expect(added.map(({ kind }) => kind)).toEqual(['publication', 'slot']);
  expect(await locks(db)).toEqual([]);
  expect((await evenkeel({ url: db.url }, 'uninstall', '--yes')).code).toBe(0);
  expect(await catalog(db)).toEqual(before);
});

test('uninstall removes every trace; what was healed stays', async () => {
  const db = await forum();
  const before = await catalog(db);
  await keelOn(db, files).once();
  const refused = await evenkeel({ url: db.url }, 'uninstall');
  expect([refused.code, await db.sql(`select to_regnamespace('evenkeel')::text as there`)]).toEqual([
    2,
    [{ there: 'evenkeel' }],
  ]);
  expect((await evenkeel({ url: db.url }, 'uninstall', '--yes')).code).toBe(0);
  expect(await db.sql(`select to_regnamespace('evenkeel')::text as there`)).toEqual([{ there: null }]);
  expect(await catalog(db)).toEqual(before);
  // Nothing that hangs in the air, either: large objects, comments, rights.
  expect(
    await db.sql(
      `select from pg_description where objoid >= 16384 union all select from pg_largeobject_metadata`,
    ),
  ).toEqual([]);
  expect(await db.sql('select posts_count from topics order by id')).toEqual(
    [1, 0, 0].map(n => ({ posts_count: n })),
  );
  // And it can come back.
  await keelOn(db, files).once();
});

test('neither a sweep nor a heal takes a lock that keeps others from reading or writing a table', async () => {
  const db = await forum();
  const stage = await stageOn(db, files);
  await stage.sweep();
  const heal = await stage.healUntil(at.commit, 'topic-posts');
  const own = await db.sql(
    `select distinct mode from pg_locks l join pg_class c on c.oid = l.relation and c.relnamespace = 'public'::regnamespace
      where pid = $1 order by mode`,
    [heal.pid],
  );
  expect(own).toEqual(['AccessShareLock', 'RowExclusiveLock', 'RowShareLock'].map(mode => ({ mode })));
  // Whoever doesn't want that very row passes at once; so does a child of it.
  await db.sql(`begin; set local lock_timeout = '1ms'; update topics set mood = 'calm' where id = 3;
    insert into posts values (3, 1); select from topics; commit`);
  await heal.go();
});

test('no foreign key, view or trigger ties users’ tables to the ledger: they can be dropped and renamed', async () => {
  const db = await forum();
  await keelOn(db, files).once();
  const ties = await db.sql(`
    select d.* from pg_depend d
     where d.classid = 'pg_class'::regclass and d.objid in (select oid from pg_class where relnamespace = 'evenkeel'::regnamespace)
       and d.refclassid = 'pg_class'::regclass
       and d.refobjid in (select oid from pg_class where relnamespace = 'public'::regnamespace)`);
  expect(ties).toEqual([]);
  await db.sql('alter table topics rename to subjects; drop table posts');
});

test('a process that stands still in the middle of a heal lets go of its rows within a second', async () => {
  const db = await forum();
  // As it runs: the limits of a process whose settings are the defaults.
  const stage = await stageOn(db, files, { lockedMs: 1_000 });
  await stage.sweep();
  const heal = await stage.healUntil(at.commit, 'topic-posts');
  const app = await db.client();
  const started = performance.now();
  await app.query('update topics set posts_count = posts_count + 1 where id = 1');
  expect(performance.now() - started).toBeLessThan(2_000);
  await expect(heal.go()).rejects.toThrow();
  expect(await db.sql('select posts_count from topics where id = 1')).toEqual([{ posts_count: 8 }]);
  expect(await db.sql('select from evenkeel.entry')).toEqual([]);
});

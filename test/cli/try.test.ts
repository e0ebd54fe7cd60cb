import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freshCluster } from '../support/cluster.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { evenkeel, folder } from './run.ts';

const schema = `
  create table topics (id int primary key, title text, posts_count int not null default 0);
  create table posts (id int primary key, topic_id int references topics, deleted_at timestamptz);
  insert into topics select g, 'Topic ' || g, 2 from generate_series(1, 40) g;
  insert into posts select g, 1 + (g - 1) % 40, null from generate_series(1, 80) g;
  update topics set posts_count = 7 where id <= 9;
  analyze`;

const counts = `-- evenkeel: should
-- says: A topic counts its live posts
-- on: topics
-- heal: set
select t.id, count(p.id) as posts_count
  from topics t left join posts p on p.topic_id = t.id and p.deleted_at is null group by t.id`;

const files = {
  'counts.sql': counts,
  'long.sql': `-- evenkeel: broken\n-- says: It ends\n-- on: topics\nselect id, pg_sleep(60)::text as nap from topics`,
  'missing.sql': `-- evenkeel: broken\n-- says: It is there\n-- on: nowhere\nselect id from nowhere`,
  'titled.sql': `-- evenkeel: broken\n-- says: Topics have other titles\n-- on: topics\n-- heal: set title\nselect id, 'x' as title from topics where id = 40`,
};

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(schema);
});

test('each invariant with its count, some rows, and what would be written; one that fails stops no other', async () => {
  const cwd = await folder(files);
  const ran = await evenkeel({ url: db.url, cwd }, 'try', '--json', '--timeout', '400ms');
  expect(ran.code).toBe(1);
  const { starter, invariants } = ran.json();
  expect(starter).toBe(null);
  expect(invariants).toMatchObject([
    { name: 'counts', says: 'A topic counts its live posts', total: 9, error: null, flood: false },
    {
      name: 'long',
      total: null,
      error: { code: 'query-failed', hint: expect.stringContaining('--timeout') },
    },
    { name: 'missing', total: null, error: { code: 'unknown-table' } },
    { name: 'titled', total: 1, error: null },
  ]);
  expect(invariants[0].some).toHaveLength(5);
  expect(invariants[0].some[0]).toMatchObject({
    kind: 'differs',
    would: {
      do: 'write',
      writes: [
        { remedy: 'set', table: 'public.topics', before: { posts_count: '7' }, after: { posts_count: '2' } },
      ],
    },
  });

  const text = (await evenkeel({ url: db.url, cwd }, 'try', '--timeout', '400ms')).stdout;
  expect(text).toMatch(/^counts {2}9 broken\n {2}A topic counts its live posts\n/m);
  expect(text).toContain('posts_count  7 → 2');
  expect(text).toContain('… and 4 more');
  expect(text).toMatch(/^titled {2}1 broken$/m);
  expect(text).toContain('2 could not be asked; nothing was written');
});

test('one file alone, and 0 where it holds', async () => {
  const cwd = await folder({
    ...files,
    'fine.sql': counts.replace('-- on: topics', '-- on: topics where id > 9'),
  });
  // A condition on the governed rows belongs into the query too; this one asks only for them.
  await writeFile(
    join(cwd, 'fine.sql'),
    counts.replace('on: topics', 'on: topics where id > 9').replace(' group by', ' where t.id > 9 group by'),
  );
  const ran = await evenkeel({ url: db.url, cwd }, 'try', 'fine.sql');
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  expect(ran.stdout).toMatch(/^fine {2}holds$/m);
  const missing = await evenkeel({ url: db.url, cwd }, 'try', 'nope.sql');
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain('error[no-invariants]: there is no file nope.sql');
});

test('what no remedy is listed for is left to a person, and said', async () => {
  const cwd = await folder({
    'mirror.sql': `-- evenkeel: should\n-- says: It mirrors\n-- on: topics\n-- heal: set; park ask the owner\nselect id + 1 as id, posts_count from topics where id > 39 union all select 9, 5`,
    'plain.sql': `-- evenkeel: broken\n-- says: It is so\n-- on: topics\nselect id, title as what from topics where id = 3`,
  });
  const { invariants } = (await evenkeel({ url: db.url, cwd }, 'try', '--json')).json();
  const kinds = invariants[0].some.map((one: { kind: string }) => one.kind);
  expect(new Set(kinds)).toContain('extra');
  expect(invariants[0].some.find((one: { kind: string }) => one.kind === 'extra').would).toEqual({
    do: 'ask',
    why: 'ask the owner',
  });
  expect(invariants[1].some[0].would).toEqual({ do: 'ask', why: 'no remedy is declared' });
  const text = (await evenkeel({ url: db.url, cwd }, 'try', 'invariants/plain.sql')).stdout;
  expect(text).toContain('a person decides, no remedy is declared\n      what  Topic 3');
});

test('needs SELECT and no more, and leaves nothing behind', async () => {
  const cwd = await folder({ 'counts.sql': counts });
  const role = `reader_${db.name}`;
  await db.sql(`create role ${role} login password 'only-reads'; grant select on topics, posts to ${role};
    alter role ${role} set default_transaction_read_only = on`);
  onTestFinished(async () => void (await db.sql(`drop owned by ${role}; drop role ${role}`)));
  const url = new URL(db.url);
  url.username = role;
  url.password = 'only-reads';
  const ran = await evenkeel({ url: url.href, cwd }, 'try', '--json');
  expect(ran.json().invariants).toMatchObject([{ name: 'counts', total: 9, error: null }]);
  expect(await db.sql(`select to_regnamespace('evenkeel') as schema`)).toEqual([{ schema: null }]);
  await db.sql(`revoke select on posts from ${role}`);
  const refused = (await evenkeel({ url: url.href, cwd }, 'try', '--json')).json();
  expect(refused.invariants[0].error).toMatchObject({ code: 'no-rights' });
  expect(refused.invariants[0].error.message).toContain('posts');
});

test('can write nothing, even where an invariant would', async () => {
  await db.sql(
    `create function touch(id int) returns int language sql as 'update topics set posts_count = 0 where id = $1 returning 1'`,
  );
  const cwd = await folder({
    'a-writes.sql':
      '-- evenkeel: broken\n-- says: It writes\n-- on: topics\nselect id, touch(id) as wrote from topics',
    'counts.sql': counts,
  });
  const { invariants } = (await evenkeel({ url: db.url, cwd }, 'try', '--json')).json();
  expect(invariants[0].error.message).toContain('read-only transaction');
  expect(invariants[1]).toMatchObject({ name: 'counts', total: 9, error: null });
});

test('a row that changes meanwhile is seen in one state: all invariants share a snapshot', async () => {
  // The first one waits long enough for the second's table to change, which it must not see.
  const cwd = await folder({
    'a-waits.sql': `-- evenkeel: broken\n-- says: It waits\n-- on: topics\nselect id, pg_sleep(0.8)::text as nap from topics where id = 40`,
    'b-counts.sql': counts,
  });
  const running = evenkeel({ url: db.url, cwd }, 'try', '--json');
  const waits = `select 1 from pg_stat_activity where query like '%pg_sleep(0.8)%' and pid <> pg_backend_pid() and state = 'active' and query not like '%explain%' and datname = current_database() and wait_event = 'PgSleep'`;
  for (let found = false; !found;) found = (await db.sql(waits)).length > 0;
  await db.sql('update topics set posts_count = 2');
  const { invariants } = (await running).json();
  await db.sql('update topics set posts_count = 7 where id <= 9');
  expect(invariants[1]).toMatchObject({ name: 'b-counts', total: 9 });
});

describe('in an empty folder', () => {
  test('writes a starter of the tables there are, asks it, and never writes over it', async () => {
    const cwd = await folder({});
    const ran = await evenkeel({ url: db.url, cwd }, 'try', '--json');
    expect(ran.json()).toMatchObject({
      starter: 'invariants/example.sql',
      invariants: [{ total: 9, on: 'public.topics' }],
    });
    expect(await readdir(join(cwd, 'invariants'))).toEqual(['example.sql']);
    const text = await readFile(join(cwd, 'invariants/example.sql'), 'utf8');
    expect(text).toContain('-- says: topics.posts_count counts the rows of posts\n');
    expect(text).toContain('c.deleted_at is null');
    const again = await evenkeel({ url: db.url, cwd }, 'try');
    expect(again.stdout).toMatch(/^example {2}9 broken$/m);
    expect(await readFile(join(cwd, 'invariants/example.sql'), 'utf8')).toBe(text);
  });

  test('writes a template where nothing looks like counting', async () => {
    const bare = await freshDatabase();
    const cwd = await folder({});
    const ran = await evenkeel({ url: bare.url, cwd }, 'try');
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('Next: ') });
    const path = join(cwd, 'invariants/example.sql');
    const again = await evenkeel({ url: bare.url, cwd }, 'try');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('passed over: invariants/example.sql');
    // As it tells: two lines away, three characters off five lines.
    const lines = (await readFile(path, 'utf8')).split('\n').slice(2);
    await writeFile(path, lines.map((line, i) => (i < 5 ? line.replace('-- ', '') : line)).join('\n'));
    await bare.sql(schema);
    expect((await evenkeel({ url: bare.url, cwd }, 'try', '--json')).json().invariants).toMatchObject([
      { total: 9 },
    ]);
  });
});

test('works on a standby', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'evenkeel-standby-'));
  // The server runs under another account where this one is root.
  await chmod(dir, 0o755);
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const primary = await freshCluster({ dir: join(dir, 'primary') });
  const admin = new pg.Client(primary.url);
  await admin.connect();
  await admin.query(schema);
  await admin.end();
  await primary.stop();
  await cp(join(dir, 'primary'), join(dir, 'standby'), { recursive: true, preserveTimestamps: true });
  await writeFile(join(dir, 'standby/data/standby.signal'), '');
  // A copy belongs to whoever made it; the server wants its own.
  await promisify(execFile)('chown', [
    '-R',
    `--reference=${join(dir, 'primary/data')}`,
    join(dir, 'standby'),
  ]);
  const standby = await freshCluster({ dir: join(dir, 'standby') });
  const cwd = await folder({ 'counts.sql': counts });
  const ran = await evenkeel({ url: standby.url, cwd }, 'try', '--json');
  expect(ran.json().invariants).toMatchObject([{ name: 'counts', total: 9, error: null }]);
});

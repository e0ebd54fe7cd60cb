/** What docs/production.md, the Dockerfile and compose.yaml say, tried as written where it can be. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { evenkeel, folder, start } from './cli/run.ts';
import { freshCluster } from './support/cluster.ts';
import { own } from './support/standby.ts';
import { until } from './support/wait.ts';

const root = new URL('../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), 'utf8');
const page = read('docs/production.md');
/** The blocks of SQL, in their order. */
const blocks = [...page.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(match => match[1] as string);
const statements = (text: string) => text.split('\n').filter(line => line !== '' && !line.startsWith('--'));
/** README's; healed at once. */
const invariant = (/```sql\n(-- evenkeel[\s\S]*?)```/.exec(read('README.md'))?.[1] ?? '').replace(
  'mode: heal',
  'mode: heal\n-- grace: 0s',
);

test(
  'the role of docs/production.md heals, by sweep and by slot, and may do no more',
  { timeout: 120_000 },
  async () => {
    const [grants = '', slot = '', brake = '', erasure = '', ...more] = blocks;
    expect(more).toEqual([]);
    const cluster = await freshCluster();
    await own(cluster.url).sql('create database app');
    const url = (user?: string) => {
      const there = new URL(cluster.url);
      there.pathname = 'app';
      if (user !== undefined) {
        there.username = user;
        there.password = 'of-the-test';
      }
      return there.href;
    };
    const owner = own(url());
    await owner.sql(`create table topics (id int primary key, title text, posts_count bigint not null default 0, last_posted_at timestamptz);
    create table posts (id int primary key, topic_id int not null references topics, created_at timestamptz default now(), deleted_at timestamptz);
    insert into topics select g, 'topic ' || g, 1, '2026-01-01' from generate_series(1, 50) g;
    insert into posts select g, g, '2026-01-01' from generate_series(1, 50) g; update topics set posts_count = 7 where id = 42`);
    const cwd = await folder({ 'topic-posts.sql': invariant });
    const count = async () =>
      (await owner.sql('select posts_count::int as n from topics where id = 42'))[0].n;

    expect((await evenkeel({ url: url(), cwd }, 'install')).code).toBe(0);
    await owner.sql(grants);
    await owner.sql(slot);
    await owner.sql(brake);
    await owner.sql(`alter role evenkeel password 'of-the-test'; alter role oncall password 'of-the-test'`);
    const as = { url: url('evenkeel'), cwd };
    const ran = await evenkeel(as, 'up', '--once', '--json');
    expect([ran.json(), ran.code]).toMatchObject([{ healed: 1, open: 0, failed: [] }, 0]);
    expect(await count()).toBe(1);

    const role = own(as.url);
    for (const text of [
      'delete from topics',
      `update topics set title = ''`,
      'insert into posts values (99, 1)',
      'create table public.mine ()',
      'create table evenkeel.mine ()',
      'alter publication evenkeel add table posts',
    ])
      await expect(role.sql(text), text).rejects.toThrow(/permission denied|must be owner/);

    const up = await start(as, 'up');
    await until(async () => (await owner.sql('select kind from evenkeel.capture'))[0]?.kind === 'slot', {
      what: 'the slot to be read',
    });
    await owner.sql('update topics set posts_count = 8 where id = 42');
    await until(async () => (await count()) === 1, { what: 'the heal' });
    up.process.kill('SIGTERM');
    expect(await up.ended).toBe(0);
    expect(up.stderr()).not.toMatch(/"level":[45]0/);

    const oncall = own(url('oncall'));
    await oncall.sql('select evenkeel.stop()');
    expect(await owner.sql('select pulled_by from evenkeel.brake')).toEqual([{ pulled_by: 'oncall' }]);
    await oncall.sql('select evenkeel.start()');

    const kept = () =>
      owner.sql(`select from evenkeel.entry where key = '{42}' union all select from evenkeel.leave`);
    expect((await evenkeel(as, 'hold', 'topic-posts', '42')).code).toBe(0);
    expect(await kept()).toHaveLength(3);
    await role.sql(erasure);
    expect(await kept()).toHaveLength(0);

    // Nothing was typed by hand that `install` would print otherwise.
    await owner.sql('drop publication evenkeel');
    const printed = await evenkeel({ url: url(), cwd }, 'install', '--print', '--role', 'evenkeel');
    const lines = printed.stdout
      .replaceAll(', publish_generated_columns = stored', '')
      .split('\n')
      .map(line => line.replace(/^-- /, '').replace(/ {2}--.*$/, ''));
    const wanted = lines.slice(lines.findIndex(line => line.startsWith('grant connect')));
    const isStatement = (line: string) => /^(create|grant|alter) .*;$/.test(line);
    expect([...statements(grants).slice(1), ...statements(slot)]).toEqual(wanted.filter(isStatement));
  },
);

test('what the Dockerfile copies is there, and sent to it', () => {
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(match =>
    (match[1] as string).split(' '),
  );
  expect(copied.length).toBeGreaterThan(5);
  expect(copied.filter(name => !existsSync(new URL(name, root)))).toEqual([]);
  const sent = [...read('.dockerignore').matchAll(/^!(.*)$/gm)].map(match => match[1] as string);
  expect([...new Set(copied)].sort()).toEqual(sent.sort());
});

test('the settings that they name are settings', () => {
  const known = new Set<string>(Object.values(settings).map(({ name }) => name));
  const named = ['Dockerfile', 'compose.yaml', 'docs/production.md'].flatMap(
    name => read(name).match(/\b(?:EVENKEEL|DATABASE)_[A-Z_]+\b/g) ?? [],
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(name => !known.has(name))).toEqual([]);
});

test('no secret has a default in compose.yaml', () => {
  const secrets = read('compose.yaml').match(/^ *\w*(?:PASSWORD|TOKEN)\w*: .*$/gm) ?? [];
  expect(secrets).toHaveLength(3);
  for (const line of secrets) expect(line).toMatch(/\$\{\w+:\?[^}]+\}$/);
});

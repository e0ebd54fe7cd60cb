import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../support/wait.ts';
import { evenkeel, folder, start } from './run.ts';

const invariant = `-- evenkeel: broken\n-- says: A case\n-- on: app.orders\nselect id from app.orders where state = 'payd'`;
const schema = `create schema app;
create table app.orders (id int primary key, state text not null check (state in ('open', 'paid')));
grant select on app.orders to a_role_that_is_nowhere;`;

test('check --schema needs no database, and reasons as it does in one', async () => {
  const cwd = await folder({ 'one.sql': invariant });
  await writeFile(join(cwd, 'schema.sql'), `${schema}\ncopy app.orders from stdin;\n1\topen\n\\.\n`);
  const ran = await evenkeel({ cwd }, 'check', '--schema', 'schema.sql', '--json');
  expect(ran.json().invariants[0].findings[0]).toMatchObject({ rule: 'EK103', fix: "did you mean 'paid'?" });
  expect([ran.code, ran.stderr]).toEqual([1, 'schema.sql: 1 row passed over: only the schema counts here\n']);
});

test('a schema that fails to load is an error with its line', async () => {
  const cwd = await folder({ 'one.sql': invariant });
  await writeFile(join(cwd, 'schema.sql'), `${schema}\n\ncreate table b (n nosuch);`);
  const ran = await evenkeel({ cwd }, 'check', '--schema', 'schema.sql');
  expect([ran.code, ran.stderr]).toEqual([
    1,
    expect.stringContaining('schema.sql:5: create table b (n nosuch): type "nosuch" does not exist'),
  ]);
});

test('Ctrl-C leaves neither server nor folder', async () => {
  const cwd = await folder({ 'one.sql': invariant });
  const tmp = await mkdtemp(join(tmpdir(), 'evenkeel-test-'));
  onTestFinished(() => rm(tmp, { recursive: true, force: true }));
  await chmod(tmp, 0o1777);
  await writeFile(join(cwd, 'schema.sql'), `${schema}\nselect pg_sleep(600);`);
  const running = await start({ cwd, env: { TMPDIR: tmp } }, 'check', '--schema', 'schema.sql');
  const servers = () => readdirSync(tmp).filter(name => existsSync(join(tmp, name, 'data/postmaster.pid')));
  await until(() => servers().length === 1, { what: 'the server to run' });
  running.process.kill('SIGINT');
  expect(await running.ended).toBe(1000);
  await until(() => readdirSync(tmp).every(name => name.startsWith('evenkeel-postgres-')), {
    what: 'the folder to be removed',
  });
});

import { describe, expect, test } from 'vitest';
import { freshCluster } from '../support/cluster.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { shutGate } from '../support/stage.ts';
import { until } from '../support/wait.ts';
import { evenkeel, folder, start } from './run.ts';

const doubled = (more = '-- mode: heal\n-- grace: 0s\n') =>
  `-- evenkeel: should\n-- says: b is twice a\n-- on: t\n-- heal: set\n${more}select id, 2 * a as b from t`;
const table = `create table t (id int primary key, a int, b int);
  insert into t select g, g, 2 * g from generate_series(1, 50) g; update t set b = 0 where id in (3, 5)`;

const wrong = async (db: FreshDatabase) =>
  (await db.sql('select count(*)::int as n from t where b <> 2 * a'))[0].n as number;

describe('--once', () => {
  test('heals and is 0 where nothing is left', async () => {
    const db = await freshDatabase();
    await db.sql(table);
    const cwd = await folder({ 'doubled.sql': doubled() });
    const ran = await evenkeel({ url: db.url, cwd }, 'up', '--once', '--json');
    expect(ran.code).toBe(0);
    expect(ran.json()).toEqual({ healed: 2, open: 0, parked: 0, held: [], failed: [], stopped: false });
    expect(await wrong(db)).toBe(0);
    expect(await db.sql('select from evenkeel.process')).toEqual([]);
  });

  test('is 1 where something is left, or could not be asked', async () => {
    const db = await freshDatabase();
    await db.sql(table);
    const cwd = await folder({
      'doubled.sql': doubled(''),
      'gone.sql': doubled().replace('on: t', 'on: gone'),
    });
    const ran = await evenkeel({ url: db.url, cwd }, 'up', '--once');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/^open 2 · parked 0 · healed within the hour 0$/m);
    expect(ran.stdout).toMatch(/^gone could not be asked/m);
    expect(ran.stderr).toContain('there is no table gone');
    expect(await wrong(db)).toBe(2);
  });

  test('a flood is held, and said', async () => {
    const db = await freshDatabase();
    await db.sql(`${table}; update t set b = -1`);
    const cwd = await folder({ 'doubled.sql': doubled() });
    const ran = await evenkeel({ url: db.url, cwd }, 'up', '--once', '--json');
    expect(ran.code).toBe(1);
    expect(ran.json()).toMatchObject({ healed: 0, open: 50, held: ['doubled'] });
    expect((await evenkeel({ url: db.url, cwd }, 'resume', 'doubled')).code).toBe(0);
    const again = await evenkeel({ url: db.url, cwd }, 'up', '--once', '--json');
    expect(again.json()).toMatchObject({ healed: 50, open: 0, held: [] });
  });
});

test('waits for a database that is down, says so once, and goes on by itself', async () => {
  const cluster = await freshCluster();
  const cwd = await folder({ 'doubled.sql': doubled() });
  await cluster.kill();
  const up = await start({ url: cluster.url, cwd }, 'up');
  await up.says(/can't be reached.*waiting for it/);
  await cluster.restart();
  await up.says(/the database is there/);
  await up.says(/there is no table t/);
  expect(up.stderr().match(/waiting for it/g)?.length).toBeLessThanOrEqual(2);
  // And once more while it runs.
  await cluster.kill();
  await cluster.restart();
  up.process.kill('SIGTERM');
  expect(await up.ended, up.stderr()).toBe(0);
});

test('a database that is down can be waited for no longer', async () => {
  const cwd = await folder({ 'doubled.sql': doubled() });
  const up = await start({ url: 'postgres://127.0.0.1:1/x', cwd }, 'up');
  await up.says(/waiting for it/);
  up.process.kill('SIGINT');
  expect(await up.ended).toBe(0);
});

describe('SIGTERM in the middle of a heal', () => {
  async function healing() {
    const db = await freshDatabase();
    await db.sql(`${table}; update t set b = 2 * a where id = 5`);
    const gate = await shutGate(db);
    await db.sql(`create function at_gate() returns trigger language plpgsql as 'begin perform gate(); return new; end';
      create trigger at_gate before update on t for each row execute function at_gate()`);
    const cwd = await folder({ 'doubled.sql': doubled() });
    const up = await start({ url: db.url, cwd }, 'up');
    await gate.reached();
    up.process.kill('SIGTERM');
    await up.says(/stopping/);
    return { db, gate, up };
  }

  test('ends the heal, then the process', async () => {
    const { db, gate, up } = await healing();
    await gate.open();
    expect(await up.ended).toBe(0);
    expect(await db.sql('select key, after from evenkeel.entry')).toEqual([
      { key: ['3'], after: { b: '6' } },
    ]);
    expect(await wrong(db)).toBe(0);
    expect(await db.sql('select from evenkeel.process')).toEqual([]);
  });

  test('a second one ends it at once, with nothing half done', async () => {
    const { db, gate, up } = await healing();
    up.process.kill('SIGTERM');
    expect(await up.ended).toBe(1);
    await gate.open();
    const busy = `select from pg_stat_activity where datname = current_database() and application_name = 'evenkeel'`;
    await until(async () => (await db.sql(busy)).length === 0, { what: 'its connections to be gone' });
    const journaled = await db.sql('select key from evenkeel.entry');
    expect(await wrong(db)).toBe(1 - journaled.length);
  });
});

test('into a pipe nothing is written but what was asked for', async () => {
  const db = await freshDatabase();
  await db.sql(table);
  const cwd = await folder({ 'doubled.sql': doubled() });
  const ran = await evenkeel({ url: db.url, cwd, env: { EVENKEEL_LOG: 'quiet' } }, 'up', '--once');
  expect(ran.stderr).toBe('');
  // oxlint-disable-next-line no-control-regex -- colours and cursor movements
  expect(ran.stdout).not.toMatch(/\x1b/);
});

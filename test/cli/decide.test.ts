import { beforeEach, describe, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { type Ran, evenkeel } from './run.ts';

const it = (mode: string) => `-- evenkeel: should
-- says: b is twice a
-- on: t
-- heal: set
-- mode: ${mode}
-- grace: 0s
select id, 2 * a as b from t`;

let db: FreshDatabase;
let cli: (...args: string[]) => Promise<Ran>;
beforeEach(async () => {
  db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int, b int);
    insert into t select g, g, 2 * g from generate_series(1, 9) g; update t set b = -1 where id in (2, 4)`);
  cli = (...args) => evenkeel({ url: db.url }, ...args);
});
const observing = () => keelOn(db, { it: it('observe') });
const healing = () => keelOn(db, { it: it('heal') });
const broken = async () =>
  (await db.sql('select id from t where b <> 2 * a order by id')).map(row => row.id as number);

test('nothing installed is said', async () => {
  for (const args of [
    ['status'],
    ['violations'],
    ['journal'],
    ['undo', '1'],
    ['approve', '1'],
    ['hold', 'it'],
    ['resume', 'it'],
  ]) {
    const ran = await cli(...args);
    expect([args[0], ran.code, ran.stderr.split(':')[0]]).toEqual([args[0], 1, 'error[not-installed]']);
  }
});

test('violations: what is wrong, page by page; approve heals it though it only observes', async () => {
  await observing().once();
  const listed = await cli('violations', '--json');
  expect(listed.code).toBe(1);
  const { violations, next } = listed.json();
  expect(next).toBe(null);
  expect(violations).toMatchObject([
    {
      invariant: 'it',
      key: ['4'],
      state: 'open',
      kind: 'differs',
      evidence: { b: '-1' },
      wanted: { b: '8' },
    },
    { invariant: 'it', key: ['2'] },
  ]);
  const page = (await cli('violations', '--limit', '1', '--json')).json();
  expect(page.violations).toHaveLength(1);
  const rest = (await cli('violations', '--limit', '1', '--before', page.next, '--json')).json();
  expect(rest).toMatchObject({ violations: [{ key: ['2'] }], next: null });
  expect((await cli('violations', '--invariant', 'it')).stdout).toContain('b  -1 → 8');
  expect((await cli('violations', '--invariant', 'itt')).stderr).toContain("did you mean 'it'?");

  const id = violations[0].id as string;
  const said = await cli('approve', id, '99999', '--by', 'ann', '--json');
  expect(said.code).toBe(1);
  expect(said.json()).toMatchObject({
    approved: [{ id, invariant: 'it', key: ['4'] }],
    refused: [{ id: '99999', why: expect.stringContaining('no such violation') }],
  });
  await observing().once();
  expect(await broken()).toEqual([2]);
  expect((await cli('journal', '--json')).json().entries).toMatchObject([{ key: ['4'], decidedBy: 'ann' }]);
  expect((await cli('approve', 'it')).code).toBe(2);
});

test('approve refuses what no remedy writes', async () => {
  await keelOn(db, { it: it('observe').replace('-- heal: set\n', '') }).once();
  const [{ id }] = await db.sql('select id from evenkeel.violation limit 1');
  expect((await cli('approve', id)).stdout).toContain('declares no remedy that writes');
});

describe('hold and resume', () => {
  test('an invariant', async () => {
    await healing().once();
    expect((await cli('hold', 'it', '--why', 'deploy', '--by', 'ann')).code).toBe(0);
    expect((await cli('hold', 'it', '--json')).json()).toEqual({
      held: { invariant: 'it', key: null },
      before: true,
    });
    await db.sql('update t set b = -1 where id in (2, 4)');
    await healing().once();
    expect(await broken()).toEqual([2, 4]);
    const status = await cli('status', '--json');
    expect(status.code).toBe(1);
    expect(status.json().invariants).toMatchObject([{ state: 'held', why: 'deploy (ann)', open: 2 }]);
    expect((await cli('resume', 'it', '--json')).json()).toEqual({
      resumed: { invariant: 'it', key: null },
      was: true,
    });
    await healing().once();
    expect(await broken()).toEqual([]);
    expect((await cli('status')).code).toBe(0);
  });

  test('returns only when no heal can commit any more', async () => {
    await healing().once();
    const heal = await db.client();
    await heal.query('begin; select pg_advisory_xact_lock_shared(4526, 0)');
    const held = cli('hold', 'it');
    const waiting = `select from pg_locks where locktype = 'advisory' and classid = 4526 and not granted`;
    while ((await db.sql(waiting)).length === 0);
    expect(await db.sql('select held_at from evenkeel.invariant')).toEqual([{ held_at: null }]);
    await heal.query('commit');
    expect((await held).code).toBe(0);
  });

  test('a subject, in each way to name it', async () => {
    await observing().once();
    await cli('hold', 'it/02');
    expect((await cli('hold', 'it', '4', '--json')).json()).toEqual({
      held: { invariant: 'it', key: ['4'] },
      before: false,
    });
    await healing().once();
    expect(await broken()).toEqual([2, 4]);
    expect((await cli('violations', '--json')).json().violations).toMatchObject([
      { state: 'held' },
      { state: 'held' },
    ]);
    await cli('resume', 'it', '2');
    await healing().once();
    expect(await broken()).toEqual([4]);
    expect((await cli('resume', 'it/2')).stderr).toContain('error[no-such]');
    expect(await cli('hold', 'it/x')).toMatchObject({ code: 2, stderr: expect.stringContaining('integer') });
    expect((await cli('hold', 'it', '1', '2')).stderr).toContain('the key is (id): 2 parts were given');
    expect((await cli('hold', 'ti')).stderr).toContain('error[no-such]');
  });

  test('a composite key', async () => {
    await db.sql(
      'create table pair (x int, y text, n int, primary key (x, y)); insert into pair values (1, $$a,b$$, 0), (2, $$c$$, 0)',
    );
    const pair = `-- evenkeel: should\n-- says: n is x\n-- on: pair\n-- heal: set\n-- mode: heal\n-- grace: 0s\nselect x, y, x as n from pair`;
    await keelOn(db, { pair: pair.replace('heal\n-- grace', 'observe\n-- grace') }).once();
    expect((await cli('hold', 'pair/2,c', '--json')).json().held.key).toEqual(['2', 'c']);
    expect((await cli('hold', 'pair', '1', 'a,b', '--json')).json().held.key).toEqual(['1', 'a,b']);
    await keelOn(db, { pair }).once();
    expect(await db.sql('select n from pair')).toEqual([{ n: 0 }, { n: 0 }]);
  });
});

test('journal: filters and pages', async () => {
  await healing().once();
  await db.sql(`create table u (id int primary key, n int); insert into u values (2, 1)`);
  await keelOn(db, {
    other: `-- evenkeel: should\n-- says: n is 7\n-- on: u\n-- heal: set\n-- mode: heal\n-- grace: 0s\nselect id, 7 as n from u`,
  }).once();
  const keys = async (...args: string[]) =>
    ((await cli('journal', '--json', ...args)).json().entries as { table: string; key: string[] }[]).map(
      ({ table, key }) => `${table} ${key.join()}`,
    );
  expect(await keys()).toEqual(['public.u 2', 'public.t 4', 'public.t 2']);
  expect(await keys('--table', 't')).toEqual(['public.t 4', 'public.t 2']);
  expect(await keys('--table', 'public."t"', '--key', '2')).toEqual(['public.t 2']);
  expect(await keys('--key', '2')).toEqual(['public.u 2', 'public.t 2']);
  expect(await keys('--invariant', 'other')).toEqual(['public.u 2']);
  expect(await keys('--since', '1h')).toHaveLength(3);
  expect(await keys('--since', '2999-01-01')).toEqual([]);
  expect((await cli('journal', '--since', 'yesterday')).code).toBe(2);
  const page = (await cli('journal', '--limit', '2', '--json')).json();
  expect(await keys('--before', page.next)).toEqual(['public.t 2']);
  await db.sql('drop table u');
  expect(await keys('--table', 'u')).toEqual(['public.u 2']);
  expect((await cli('journal', '--limit', '0')).code).toBe(2);
});

test('undo: by entries, or all since a time; what changed since is refused', async () => {
  await healing().once();
  await db.sql('update t set b = 99 where id = 2');
  const args = ['undo', '--invariant', 'it', '--since', '1h'];
  const dry = await cli(...args, '--dry-run', '--json');
  expect(dry.json()).toMatchObject({ dryRun: true, restored: [{ key: ['4'] }], refused: [{ key: ['2'] }] });
  expect(await broken()).toEqual([2]);
  const done = await cli(...args, '--by', 'ann');
  expect(done.code).toBe(1);
  expect(done.stdout).toContain('b: wrote 4, now 99');
  expect(await db.sql('select b from t where id = 4')).toEqual([{ b: -1 }]);
  expect((await cli('journal', '--json', '--limit', '1')).json().entries).toMatchObject([
    { action: 'undo', decidedBy: 'ann' },
  ]);
  await healing().once();
  expect(await db.sql('select b from t where id = 4')).toEqual([{ b: -1 }]);
  expect((await cli('status', '--json')).json().invariants).toMatchObject([{ undone: 1 }]);
  await cli('resume', 'it', '4');
  await healing().once();
  expect(await broken()).toEqual([]);

  expect(await cli('undo')).toMatchObject({ code: 2 });
  expect(await cli('undo', '1', '--since', '1h')).toMatchObject({ code: 2 });
  expect(await cli('undo', '--invariant', 'it')).toMatchObject({ code: 2 });
  expect((await cli('undo', '4711')).stderr).toContain('error[no-such]');
  expect((await cli('undo', '--invariant', 'ti', '--since', '1h')).stderr).toContain('error[no-such]');
});

test('status: one in detail, the brake, and a database that was cloned', async () => {
  await healing().once();
  const text = (await cli('status', 'it')).stdout;
  expect(text).toContain('every row was looked at since');
  expect(text).toContain('found by sweeping');
  expect((await cli('status', 'itt')).stderr).toContain("did you mean 'it'?");
  await db.sql('select evenkeel.stop()');
  expect((await cli('status')).stdout).toContain('nothing is written until select evenkeel.start()');
  expect((await cli('status', '--json')).json().stopped).toMatchObject({ by: 'postgres' });
  await db.sql(`select evenkeel.start(); update evenkeel.home set database = 'production'`);
  expect((await cli('status')).stdout).toMatch(/cloned,\s+restored or renamed/);
  expect((await cli('status', '--json')).json().home.known).toBe(false);
  expect((await cli('resume', 'database', '--json')).json()).toMatchObject({ was: true });
  expect((await cli('status', '--json')).json().home.known).toBe(true);
});

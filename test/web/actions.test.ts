import { expect, test } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { serve } from './served.ts';

const doubled =
  '-- evenkeel: should\n-- says: b is twice a\n-- on: t\n-- heal: set\n-- grace: 0s\nselect id, 2 * a as b from t';

test('approve, hold, resume, sweep and undo do what the command line does, and say who', async () => {
  const db = await freshDatabase();
  await db.sql(
    'create table t (id int primary key, a int, b int); insert into t select g, g, 0 from generate_series(1, 5) g',
  );
  const keel = keelOn(db, { doubled });
  await keel.once();
  const web = await serve(db, keel.invariants);
  const ids = (await db.sql('select id from evenkeel.violation order by id')).map(({ id }) => id as string);
  const states = async () =>
    (await db.sql('select state from evenkeel.violation order by id')).map(({ state }) => state);
  const at = '/invariants/doubled';
  const page = await web.get(at);
  expect(page.body).toMatch(/Approve all 5/);

  // One, some, all that were seen: what came later isn't meant.
  expect((await web.post('/approve', { one: ids[0]!, back: at })).headers['location']).toBe(
    `${at}?said=approved&n=1`,
  );
  const back = '/waiting?state=open';
  expect((await web.post('/approve', { id: [ids[1]!, ids[2]!], back })).headers['location']).toBe(
    `${back}&said=approved&n=2`,
  );
  expect(await states()).toEqual(['approved', 'approved', 'approved', 'open', 'open']);
  expect((await web.post(`${at}/approve-all`, { 'up-to': ids[3]! })).status).toBe(303);
  expect(await states()).toEqual(['approved', 'approved', 'approved', 'approved', 'open']);

  expect((await web.post('/hold', { one: ids[4]! })).status).toBe(303);
  expect((await states())[4]).toBe('held');
  const refused = await web.post('/approve', { id: [ids[4]!, '999999'] });
  expect(refused.status).toBe(200);
  expect(refused.body).toMatch(/0 violations approved, 2 refused/);
  expect(refused.body).toContain('say resume first');
  expect((await web.post('/resume', { one: ids[4]! })).status).toBe(303);
  expect((await states())[4]).toBe('open');

  await web.post(`${at}/hold`, { why: 'a look first' });
  expect((await db.sql('select held_why from evenkeel.invariant'))[0].held_why).toMatch(
    /^a look first \(.+\)$/,
  );
  expect((await web.get('/waiting')).body).toContain('a look first');
  await web.post(`${at}/resume`, {});
  await db.sql(`update evenkeel.invariant set next_pass_at = 'infinity'`);
  await web.post(`${at}/sweep`, {});
  expect(await db.sql('select from evenkeel.invariant where next_pass_at <= clock_timestamp()')).toHaveLength(
    1,
  );
  const decided = await db.sql('select what, count, key, by from evenkeel.decision order by id');
  expect(decided.map(({ what, count }) => `${what} ${count}`)).toEqual([
    'approve 1',
    'approve 2',
    'approve 1',
    'hold 1',
    'resume 1',
    'hold 1',
    'resume 1',
    'sweep 1',
  ]);

  await keel.once();
  const healed = await db.sql('select id, key, decided_by from evenkeel.entry order by id');
  expect(healed.map(({ key }) => Number(key[0])).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  expect(new Set(healed.map(one => one.decided_by))).toEqual(new Set([decided[0].by]));

  // One was changed since: the preview says so, and writes nothing.
  await db.sql('update t set b = 77 where id = 2');
  const entry = healed.map(({ id }) => id as string);
  const preview = await web.post('/undo/preview', { entry });
  expect(preview.body).toMatch(/3 rows would be\s+restored, 1 refused/);
  expect(preview.body).toMatch(/wrote <bdi>4<\/bdi>\s*, now <bdi>77<\/bdi>/);
  expect(await db.sql('select b from t order by id')).toEqual([2, 77, 6, 8, 0].map(b => ({ b })));
  const [, fields = ''] = /action="\/undo"[^]*?>([^]*?)<\/form>/.exec(preview.body) ?? [];
  expect([...fields.matchAll(/name="entry" value="(\d+)"/g)].map(([, id]) => id)).toEqual(entry);
  expect((await web.post('/undo', { entry })).body).toContain('Undone in part');
  expect(await db.sql('select b from t order by id')).toEqual([0, 77, 0, 0, 0].map(b => ({ b })));
  await keel.once();
  const { id: first } = healed.find(({ key }) => key[0] === '1')!;
  const story = await web.get(`/row?entry=${first}`);
  expect(story.body.match(/class="card"/g)).toHaveLength(2);
  expect(story.body).toContain('It is undone now');
});

test('what is no longer there is said, and a form without a choice too', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key, a int, b int)');
  const keel = keelOn(db, { doubled });
  await keel.once();
  const web = await serve(db, keel.invariants);
  expect((await web.post('/hold', { one: '4711' })).status).toBe(404);
  expect((await web.post('/undo/preview', { entry: '4711' })).status).toBe(404);
  expect((await web.post('/invariants/nowhere/hold', {})).status).toBe(404);
  for (const [path, fields] of [
    ['/approve', {}],
    ['/approve', { id: 'x' }],
    ['/approve', { one: '1; drop' }],
    ['/hold', {}],
    ['/undo', {}],
    ['/invariants/doubled/approve-all', {}],
  ] as const)
    expect([path, (await web.post(path, fields)).status]).toEqual([path, 400]);
  expect((await web.post('/approve', { id: '4711', back: 'https://evil.example.org' })).body).toContain(
    'href="/waiting"',
  );
});

import { beforeAll, describe, expect, test } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { until } from '../support/wait.ts';
import { serve } from './served.ts';

const db = await freshDatabase();
const keel = keelOn(
  db,
  {
    copied:
      '-- evenkeel: should\n-- says: <b>v</b> is what w says\n-- on: t\n-- key: id\n-- heal: set\n-- mode: heal\n-- grace: 0s\n-- guard: none\nselect id, w as v, secret from s',
    many: '-- evenkeel: broken\n-- says: There is none\n-- on: u\n-- heal: remove\nselect id from u',
  },
  // A megabyte takes its time.
  { EVENKEEL_STATEMENT_TIMEOUT: '20s' },
);

const hostile = [
  '<script>alert(1)</script><img src=x onerror=alert(2)>',
  '"><svg onload=alert(3)>',
  "' onmouseover='alert(4)",
  '\u001b[31mred\u001b]0;title\u0007',
  'abc\u202Egnp.exe\u2066\u200B',
  '{"not": json,',
  '{{7*7}}${7*7}',
  '\ud83d\ude00'.repeat(400),
  'x'.repeat(1_000_000),
  '<i>'.repeat(400_000),
];

beforeAll(async () => {
  await db.sql(`create table s (id text primary key, w text, secret text); create table t (id text primary key, v text, secret text);
    create table u (id int primary key); insert into u select generate_series(1, 60)`);
  for (const [i, value] of hostile.entries()) {
    const id = i < 8 ? value.slice(0, 100) : String(i);
    await db.sql('insert into s values ($1, $2, $3)', [id, value, `hush-${i}`]);
    await db.sql('insert into t values ($1, $2, $3)', [id, `old ${value}`, 'hush']);
  }
  // Megabytes are slow where others work: what isn't healed at once is tried again.
  const healed = async () => (await db.sql('select from evenkeel.entry')).length === hostile.length;
  await until(async () => (await keel.once(), await healed()), {
    what: 'all to be healed',
    timeoutMs: 50_000,
  });
});

const paths = [
  '/',
  '/waiting',
  '/invariants/copied',
  '/invariants/many',
  '/journal',
  '/causes',
  '/limits',
  '/row?entry=1',
];
const secret = { EVENKEEL_SECRET_COLUMNS: 'secret' };

describe('values of rows', () => {
  test('are text and nothing else, on every page', async () => {
    const web = await serve(db, keel.invariants, secret);
    expect(await db.sql(`select state, reason from evenkeel.violation where invariant = 'copied'`)).toEqual(
      [],
    );
    expect(await db.sql('select from evenkeel.entry')).toHaveLength(hostile.length);
    const [{ id }] = await db.sql('select min(id) as id from evenkeel.violation');
    for (const path of [...paths, `/row?violation=${id}`]) {
      const { status, body } = await web.get(path);
      expect([path, status]).toEqual([path, 200]);
      expect(Buffer.byteLength(body)).toBeLessThan(100_000);
      // What isn't ours among the tags: no text becomes one, and none gets an attribute that acts.
      const tags = body.match(/<[a-z][^>]*>/gi) ?? [];
      expect(
        tags.filter(tag =>
          /^<(img|i|iframe|object)\b|\son\w+\s*=|^<script(?! src="\/live\.js" defer>)/i.test(tag),
        ),
      ).toEqual([]);
      expect(body).not.toContain('<b>v</b>');
      // oxlint-disable-next-line no-control-regex -- that there is none
      expect(body).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f\u200b\u202a-\u202e\u2066-\u2069]/);
      expect(body.match(/https?:\/\/(?!www\.w3\.org)[^"< ]+/g) ?? []).toEqual([]);
    }
    expect((await web.get('/journal')).body).toContain('&lt;script&gt;alert(1)');
  });

  test('of secret columns are shown nowhere', async () => {
    const web = await serve(db, keel.invariants, secret);
    for (const path of paths) expect((await web.get(path)).body).not.toContain('hush');
    const preview = await web.post('/undo/preview', {
      entry: (await db.sql('select id from evenkeel.entry where length(after::text) < 10000')).map(
        ({ id }) => id,
      ),
    });
    expect(preview.status).toBe(200);
    expect(preview.body).not.toContain('hush');
  });

  test('of secret keys are in no page and in no address', async () => {
    const web = await serve(db, keel.invariants, { EVENKEEL_SECRET_COLUMNS: 'id,v,w,secret' });
    const [{ entry }] = await db.sql(`select id as entry from evenkeel.entry where key[1] like '%7*7%'`);
    for (const path of ['/', '/waiting', '/journal', `/row?entry=${entry}`]) {
      const { status, body } = await web.get(path);
      expect([path, status]).toEqual([path, 200]);
      expect(body).not.toMatch(/7\*7|7%2A7|gnp\.exe/);
    }
  });

  test('that are long are cut, and still tell themselves from others', async () => {
    const web = await serve(db, keel.invariants);
    expect((await web.get('/journal')).body).toMatch(/x{100}… \(1000000 characters, md5 [0-9a-f]{32}\)/);
  });

  test('in an address are text, too', async () => {
    const web = await serve(db, keel.invariants);
    const bad = encodeURIComponent('<script>alert(1)</script>');
    for (const path of [
      `/nowhere/${bad}`,
      `/invariants/${bad}`,
      `/journal?since=${bad}`,
      `/waiting?state=${bad}`,
      `/row?entry=${bad}`,
      `/?said=${bad}`,
      `/waiting?said=approved&n=${bad}`,
    ])
      expect((await web.get(path)).body).not.toContain('<script>alert');
  });
});

test.each([
  '/nowhere',
  '/invariants/nowhere',
  '/invariants/',
  '/journal?invariant=nowhere',
  '/waiting?invariant=nowhere',
  '/invariants/copied/nowhere',
  '/invariants/%00',
  '/row?entry=999999999',
  '/row?violation=999999999',
])('%s is 404', async path => {
  const web = await serve(db, keel.invariants);
  expect((await web.get(path)).status).toBe(404);
});

test.each([
  ['/journal?since=yesterday', 'since=yesterday: expected a time span'],
  ['/journal?until=2026-99-99', 'until=2026-99-99'],
  ['/journal?before=x', 'before=x: expected the number'],
  ['/journal?before=99999999999999999999', 'expected the number'],
  ['/journal?table=a&table=b', 'table is given 2 times'],
  ['/journal?key=%00', 'holds a character'],
  ['/waiting?state=broken', 'state=broken: expected open'],
  ['/waiting?before=-1', 'before=-1'],
  ['/row', 'Which row?'],
  ['/row?entry=1&violation=1', 'Which row?'],
  ['/row?entry=%00', 'holds a character'],
])('%s is 400, with the reason', async (path, reason) => {
  const web = await serve(db, keel.invariants);
  const { status, body } = await web.get(path);
  expect(status).toBe(400);
  expect(body).toContain(reason);
});

test('the odd is answered, not stumbled over', async () => {
  const web = await serve(db, keel.invariants);
  for (const path of ['/?said=__proto__', '/journal?table=%27%3Bdrop&key=%7B%7D'])
    expect([path, (await web.get(path)).status]).toEqual([
      path,
      expect.toSatisfy((status: number) => status === 200 || status === 400),
    ]);
});

test('pages follow one another without gap or overlap', async () => {
  const web = await serve(db, keel.invariants);
  const seen: string[] = [];
  for (let path: string | undefined = '/invariants/many'; path !== undefined;) {
    const { body }: { body: string } = await web.get(path);
    seen.push(...[...body.matchAll(/ id="v(\d+)"/g)].map(([, id]) => id!));
    path = /<a href="([^"]+)"\s+rel="next"/.exec(body)?.[1]?.replaceAll('&amp;', '&');
  }
  const all = (
    await db.sql(`select id from evenkeel.violation where invariant = 'many' order by id desc`)
  ).map(({ id }) => id);
  expect(seen).toEqual(all);
  expect(seen).toHaveLength(60);
});

test('the definition, its derivation and what can be proved stand on the page of an invariant', async () => {
  const web = await serve(db, keel.invariants);
  let body = '';
  const answered = async () => {
    ({ body } = await web.get('/invariants/copied'));
    return !body.includes('Postgres is being asked');
  };
  await until(answered, { what: 'the answers' });
  expect(body).toContain('select id, w as v, secret from s');
  expect(body).toContain('public.s: id');
  expect(body).toContain('No condition is dead');
});

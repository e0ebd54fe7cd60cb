import { beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { acts } from '../../src/web/actions.ts';
import { openWeb } from '../../src/web/server.ts';
import { Guesses } from '../../src/web/guesses.ts';
import { evenkeel } from '../cli/run.ts';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { serve } from './served.ts';

const db = await freshDatabase();
const keel = keelOn(
  db,
  {
    doubled:
      '-- evenkeel: should\n-- says: b is twice a\n-- on: t\n-- heal: set\nselect id, 2 * a as b from t',
  },
  { EVENKEEL_MODE: 'observe' },
);
const token = 'a-token-that-nobody-guesses';
const readToken = 'another-token-to-read-with';
let id = '';

beforeAll(async () => {
  await db.sql('create table t (id int primary key, a int, b int); insert into t values (1, 1, 5)');
  await keel.once();
  id = (await db.sql('select id from evenkeel.violation'))[0].id;
});

const state = async () => (await db.sql('select state, decided_by from evenkeel.violation'))[0];
const decided = async () => (await db.sql('select count(*)::int as n from evenkeel.decision'))[0].n as number;

describe('beyond this machine', () => {
  const at = (env: Record<string, string>) => {
    const config = readConfig({ DATABASE_URL: db.url, EVENKEEL_LOG: 'quiet', ...env });
    return openWeb({ config, url: db.url, invariants: [], log: createLog('quiet') });
  };

  test.each(['0.0.0.0:0', '[::]:0', '192.0.2.1:0', 'keel.example.org:0'])(
    '%s needs a token',
    async address => {
      await expect(at({ EVENKEEL_WEB: address })).rejects.toMatchObject({ code: 'no-token' });
    },
  );

  test('with one it is served', async () => {
    const web = await at({ EVENKEEL_WEB: '0.0.0.0:0', EVENKEEL_TOKEN: token });
    expect(web.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
    await web.stop();
  });

  test('an address that is not there yet keeps nobody from starting', async () => {
    const web = await at({ EVENKEEL_WEB: '192.0.2.1:0', EVENKEEL_TOKEN: token });
    expect(web.url).toBeUndefined();
    await web.stop();
  });

  test('`up` refuses before it does anything', async () => {
    const ran = await evenkeel(
      { url: db.url, env: { EVENKEEL_WEB: '0.0.0.0:0', EVENKEEL_INVARIANTS: 'demo/invariants' } },
      'up',
    );
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('error[no-token]');
  });
});

test('a taken port is no crash: the next free one is taken', async () => {
  const first = await serve(db, []);
  const second = await serve(db, [], { EVENKEEL_WEB: first.url.replace('http://', '') });
  expect(second.url).not.toBe(first.url);
  expect((await second.get('/')).status).toBe(200);
});

describe('the name of the host', () => {
  test.each([
    'evil.example.org',
    'evil.example.org:4600',
    '127.0.0.1.nip.io',
    'localhost.evil.org',
    '192.0.2.7',
  ])('%s is foreign', async host => {
    const web = await serve(db, keel.invariants);
    const answer = await web.get('/', { host });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body).not.toContain('doubled');
  });

  test.each(['localhost', 'localhost:9', '127.0.0.1', '[::1]:4600', 'LOCALHOST'])(
    '%s is ours',
    async host => {
      const web = await serve(db, keel.invariants);
      expect((await web.get('/', { host })).status).toBe(200);
    },
  );

  test('a proxy may have another one', async () => {
    const web = await serve(db, keel.invariants, {
      EVENKEEL_WEB_NAMES: 'keel.example.org',
      EVENKEEL_TOKEN: token,
    });
    expect((await web.get('/', { host: 'keel.example.org' })).status).toBe(303);
    expect((await web.get('/', { host: 'other.example.org' })).status).toBe(403);
  });

  test.each(['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'via'])(
    'a proxy that says so (%s) makes nobody an owner without a token',
    async header => {
      const bare = await serve(db, keel.invariants);
      expect((await bare.get('/', { [header]: 'x' })).status).toBe(403);
      const asking = await serve(db, keel.invariants, { EVENKEEL_TOKEN: token });
      expect((await asking.get('/sign-in', { [header]: 'x' })).status).toBe(200);
    },
  );

  test('pages of other sites may link here, and load nothing', async () => {
    const web = await serve(db, keel.invariants);
    const from = { 'sec-fetch-site': 'cross-site' };
    expect((await web.get('/', { ...from, 'sec-fetch-mode': 'navigate' })).status).toBe(200);
    for (const path of ['/', '/live', '/metrics', '/style.css'])
      expect([path, (await web.get(path, { ...from, 'sec-fetch-mode': 'no-cors' })).status]).toEqual([
        path,
        403,
      ]);
  });
});

describe('a form', () => {
  const elsewhere = [
    ['from another site, as the browser says', { 'sec-fetch-site': 'cross-site' }],
    ['from another port', { 'sec-fetch-site': 'same-site' }],
    ['with a foreign origin', { origin: 'https://evil.example.org' }],
    ['from a page without origin', { origin: 'null' }],
  ] as const;

  test.each(elsewhere)('%s is refused, on this machine too', async (_, headers) => {
    const web = await serve(db, keel.invariants);
    const before = await decided();
    for (const path of [...Object.keys(acts), '/sign-out']) {
      const answer = await web.post(
        path.replace(':name', 'doubled'),
        { one: id, id, entry: '1', 'up-to': id },
        headers,
      );
      expect([path, answer.status]).toEqual([path, 403]);
    }
    expect(await decided()).toBe(before);
    expect(await state()).toMatchObject({ state: 'open' });
  });

  test('without the word of its page, or with that of another session, is refused', async () => {
    const web = await serve(db, keel.invariants);
    for (const csrf of ['', 'x', 'a'.repeat(43)]) {
      for (const path of [...Object.keys(acts), '/sign-out'])
        expect((await web.post(path.replace(':name', 'doubled'), { one: id, csrf })).status).toBe(403);
    }
    expect(await state()).toMatchObject({ state: 'open' });
  });

  test('is not read beyond a megabyte', async () => {
    const web = await serve(db, keel.invariants);
    expect((await web.post('/approve', { id: '1'.repeat(2_000_000) })).status).toBe(413);
  });
});

describe('with a token', () => {
  const open = () => serve(db, keel.invariants, { EVENKEEL_TOKEN: token, EVENKEEL_READ_TOKEN: readToken });
  async function signIn(web: Awaited<ReturnType<typeof open>>, given: string, who = 'ann') {
    const answer = await web.post('/sign-in', { token: given, who, to: '/waiting' });
    const [set = ''] = (answer.headers['set-cookie'] as string[] | undefined) ?? [];
    return { answer, set, cookie: set.split(';')[0] ?? '' };
  }

  test('nothing is seen without it, and a wrong one is refused', async () => {
    const web = await open();
    for (const path of ['/', '/journal', '/invariants/doubled', '/row?entry=1']) {
      const answer = await web.get(path);
      expect([path, answer.status, answer.headers['location']]).toEqual([
        path,
        303,
        `/sign-in?to=${encodeURIComponent(path)}`,
      ]);
    }
    expect((await web.get('/metrics', { accept: '*/*' })).status).toBe(401);
    expect((await web.get('/live', { accept: 'text/event-stream' })).status).toBe(401);
    expect((await web.post('/approve', { id })).status).toBe(401);
    const wrong = await signIn(web, `${token}x`);
    expect([wrong.answer.status, wrong.set]).toEqual([401, '']);
    expect((await web.get('/healthz')).status).toBe(200);
  });

  test('the cookie stays here, and can be neither read nor made', async () => {
    const web = await open();
    const { answer, set, cookie } = await signIn(web, token);
    expect([answer.status, answer.headers['location']]).toEqual([303, '/waiting']);
    expect(set).toMatch(/; HttpOnly/);
    expect(set).toMatch(/; SameSite=Strict/);
    expect((await web.get('/', { cookie })).status).toBe(200);
    const [name = '', body = '', mark = ''] = cookie.split(/[=.]/);
    const forged = Buffer.from(JSON.stringify({ role: 'owner', who: 'eve', until: 9e15 })).toString(
      'base64url',
    );
    for (const other of [
      `${name}=${forged}.${mark}`,
      `${name}=${body}.`,
      `${name}=${body}`,
      `${name}=.`,
      `${name}=${body}.${mark}x`,
    ])
      expect((await web.get('/', { cookie: other })).status).toBe(303);
    const elsewhere = await serve(db, keel.invariants, { EVENKEEL_TOKEN: `${token}2` });
    expect(
      (await elsewhere.get('/', { cookie: cookie.replace(name, `evenkeel-${new URL(elsewhere.url).port}`) }))
        .status,
    ).toBe(303);
  });

  test('nobody is sent to another site', async () => {
    const web = await open();
    for (const to of [
      '//evil.org',
      'https://evil.org',
      '/\\evil.org',
      'javascript:alert(1)',
      '/a b',
      '/x\r\ny',
    ]) {
      const answer = await web.post('/sign-in', { token, to });
      expect(answer.headers['location']).toBe('/');
    }
  });

  test('for reading one sees everything and decides nothing', async () => {
    const web = await open();
    const { cookie } = await signIn(web, readToken);
    const page = await web.get('/invariants/doubled', { cookie });
    expect(page.body).toContain('doubled');
    expect(page.body).not.toMatch(/formaction|method="post" action="\/(?!sign-out)/);
    const [, csrf = ''] = /name="csrf" value="([^"]*)"/.exec(page.body) ?? [];
    for (const path of Object.keys(acts))
      expect((await web.post(path.replace(':name', 'doubled'), { one: id, csrf }, { cookie })).status).toBe(
        403,
      );
    expect((await web.get('/metrics', { authorization: `Bearer ${readToken}` })).status).toBe(200);
    expect((await web.post('/approve', { id }, { authorization: `Bearer ${token}` })).status).toBe(403);
    expect(await state()).toMatchObject({ state: 'open' });
  });

  test('who decides is kept', async () => {
    const web = await open();
    const { cookie } = await signIn(web, token, '<b>ann</b>');
    const answer = await web.post('/approve', { id, back: '/waiting' }, { cookie });
    expect([answer.status, answer.headers['location']]).toEqual([303, '/waiting?said=approved&n=1']);
    expect(await state()).toEqual({ state: 'approved', decided_by: '<b>ann</b>' });
    expect(await db.sql('select by, what, key from evenkeel.decision')).toEqual([
      { by: '<b>ann</b>', what: 'approve', key: ['1'] },
    ]);
    expect((await web.get('/waiting', { cookie })).body).toMatch(/&lt;b&gt;ann&lt;\/b&gt;/);
  });
});

test('what browsers are told to hold to', async () => {
  const web = await serve(db, keel.invariants);
  for (const path of ['/', '/style.css', '/nowhere', '/live.js']) {
    const { headers } = await web.get(path);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
  }
  const { body } = await web.get('/');
  expect(body).not.toMatch(/ style=| on\w+=|<style|<script(?! src="\/live\.js")/);
});

describe('guessing', () => {
  test('a wrong token keeps nobody out who knows the right one', async () => {
    const web = await serve(db, keel.invariants, { EVENKEEL_TOKEN: token });
    const metrics = (given: string) =>
      web.get('/metrics', { authorization: `Bearer ${given}`, accept: '*/*' });
    expect((await metrics('wrong')).status).toBe(401);
    expect((await metrics(token)).status).toBe(200);
  });

  test('after a wrong one each waits before it is looked at, and too many are not looked at at all', async () => {
    const guesses = new Guesses();
    const looked: number[] = [];
    const guess = (n: number) =>
      guesses.try(() => {
        looked.push(n);
        return undefined;
      });
    expect(await guess(0)).toBeUndefined();
    const many = Array.from({ length: 22 }, (_, i) => guess(i + 1));
    expect(await Promise.all(many.slice(20))).toEqual(['busy', 'busy']);
    expect(looked).toEqual([0]);
    await many[1];
    expect(looked).toEqual([0, 1, 2]);
  });

  test('takes no more than a token', async () => {
    const web = await serve(db, keel.invariants, { EVENKEEL_TOKEN: token });
    expect((await web.post('/sign-in', { token: 'x'.repeat(5_000) })).status).toBe(413);
  });

  test('nobody signs in as what decides by itself', async () => {
    const web = await serve(db, keel.invariants, { EVENKEEL_TOKEN: token });
    for (const who of ['evenkeel', ' Evenkeel', 'even\0keel']) {
      const answer = await web.post('/sign-in', { token, who });
      expect([who, answer.status, answer.headers['set-cookie']]).toEqual([who, 401, undefined]);
    }
  });
});

test('whoever only asks for the head of the events is not kept', async () => {
  const web = await serve(db, keel.invariants);
  const answer = await fetch(`${web.url}/live`, { method: 'HEAD' });
  expect(answer.status).toBe(204);
});

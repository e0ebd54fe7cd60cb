/** Healing by asking an upstream: `heal: call`. */
import { expect, onTestFinished, test } from 'vitest';
import { type Handler, call } from '../../src/declare/call.ts';
import { type Definition, invariant } from '../../src/declare/invariant.ts';
import { limit } from '../../src/declare/limit.ts';
import { insert, park, remove, set } from '../../src/declare/remedy.ts';
import { sql } from '../../src/declare/sql.ts';
import { freePort } from '../../src/db/embedded.ts';
import { readJournal } from '../../src/journal/read.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { upstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const api = limit('api', { rate: '200/s', burst: 10 });

const plan = (heal: Definition['heal'], more: Partial<Definition> = {}) =>
  invariant('plan', {
    says: 'A plan is known',
    on: 'subs',
    broken: sql`select id, plan, version, 'p' || id as likely from subs where plan is null`,
    mode: 'heal',
    guard: 'none',
    grace: '0s',
    ...more,
    ...(heal && { heal }),
  } as Definition);

async function scene(
  heal: Definition['heal'],
  { n = 3, more = {} }: { n?: number; more?: Partial<Definition> } = {},
) {
  const db = await freshDatabase();
  await db.sql(`create table subs (id int primary key, plan text, version int default 1);
    insert into subs select g from generate_series(1, ${n}) g`);
  const keel = keelOn(db, [plan(heal, more)]);
  return { db, keel };
}

const ledger = (db: FreshDatabase) =>
  db.sql(
    'select key[1] as id, state, reason, attempts, claimed_by from evenkeel.violation order by key[1]::int',
  );
const plans = async (db: FreshDatabase) =>
  (await db.sql('select plan from subs order by id')).map(row => row.plan as string | null);

const get =
  (url: string): Handler =>
  async ({ key }, { fetch }) => {
    const response = await fetch(`${url}/subs/${key['id']}`);
    return set((await response.json()) as { plan: string });
  };

test('each violation is asked about, and the answer is written, verified and journaled', async () => {
  const { url, asked } = await upstream(({ path }) => ({ json: { plan: `p${path.split('/').at(-1)}` } }));
  const { db, keel } = await scene(call(api, get(url)));
  await keel.once();
  expect(await plans(db)).toEqual(['p1', 'p2', 'p3']);
  expect(asked.map(({ path }) => path).toSorted((a, b) => a.localeCompare(b))).toEqual([
    '/subs/1',
    '/subs/2',
    '/subs/3',
  ]);
  expect(
    (await readJournal(db.pool, { limit: 10 })).entries
      .map(({ action, key, before, after, decidedBy }) => ({ action, key, before, after, decidedBy }))
      .toSorted((a, b) => Number(a.key[0]) - Number(b.key[0])),
  ).toEqual(
    [1, 2, 3].map(i => ({
      action: 'set',
      key: [`${i}`],
      before: { plan: null },
      after: { plan: `p${i}` },
      decidedBy: 'evenkeel',
    })),
  );
  expect(await ledger(db)).toEqual([]);
  expect(await db.sql('select count(*)::int as n from evenkeel.rate_lease')).toEqual([{ n: 0 }]);
});

test('what a handler is given', async () => {
  const seen: unknown[] = [];
  const { db, keel } = await scene(
    call(api, (subject, { signal, idempotencyKey }) => {
      seen.push(subject, signal.aborted, idempotencyKey);
      return set({ plan: 'x' });
    }),
    { n: 1 },
  );
  await keel.once();
  expect(seen).toEqual([
    {
      key: { id: '1' },
      evidence: { plan: null, version: '1', likely: 'p1' },
      openedAt: expect.any(Date),
      attempt: 1,
    },
    false,
    expect.stringMatching(/^[0-9a-f]{64}$/),
  ]);
  expect(await plans(db)).toEqual(['x']);
});

test('a batch is one request, and each gets its own answer', async () => {
  const { url, asked } = await upstream(({ body }) => ({
    json: (JSON.parse(body) as string[]).map(id => (id === '2' ? 'gone' : `p${id}`)),
  }));
  const { db, keel } = await scene(
    call(
      api,
      async (subjects, { fetch }) => {
        const body = JSON.stringify(subjects.map(({ key }) => key['id']));
        const answers = (await (await fetch(url, { method: 'POST', body })).json()) as string[];
        return answers.map(plan => (plan === 'gone' ? remove() : set({ plan })));
      },
      { batch: 100 },
    ),
    { n: 250 },
  );
  await keel.once();
  expect(asked.length).toBe(3);
  expect(await db.sql('select count(*)::int as n, count(plan)::int as known from subs')).toEqual([
    { n: 249, known: 249 },
  ]);
  expect(await db.sql('select plan from subs where id = 200')).toEqual([{ plan: 'p200' }]);
  expect(await db.sql('select count(*)::int as n from subs where id = 2')).toEqual([{ n: 0 }]);
});

test('the key of idempotency is the same in every try and process, and another for another violation', async () => {
  let down = true;
  const { url, asked } = await upstream(() => (down ? { status: 500 } : { json: { plan: 'x' } }));
  const { db, keel } = await scene(
    call(api, async ({ key }, { fetch }) => {
      await fetch(`${url}/${key['id']}/a`, { method: 'POST' });
      const response = await fetch(`${url}/${key['id']}/b`, { method: 'POST' });
      return set((await response.json()) as { plan: string });
    }),
    { n: 2 },
  );
  await keel.once();
  down = false;
  await db.sql('update evenkeel.violation set due_at = clock_timestamp()');
  await keel.once();
  const keys = (path: string) =>
    asked.filter(one => one.path === path).map(({ headers }) => headers['idempotency-key']);
  const [first, again] = keys('/1/a');
  expect(again).toBe(first);
  expect(keys('/1/b')).toEqual([`${String(first)}-2`]);
  expect(keys('/2/a')).not.toContain(first);
  expect(await plans(db)).toEqual(['x', 'x']);
});

test('a refusal stops the whole limit and costs no attempt; what waits is in the ledger', async () => {
  let refusing = true;
  const { url, asked } = await upstream(() =>
    refusing ? { status: 429, headers: { 'retry-after': '30' } } : { json: { plan: 'x' } },
  );
  const { db, keel } = await scene(call(limit('slow', { rate: '1000/s', concurrency: 2 }), get(url)), {
    n: 50,
  });
  await keel.once();
  expect(asked.length).toBeLessThanOrEqual(2);
  const rows = await ledger(db);
  expect(rows).toHaveLength(50);
  expect(
    new Set(rows.map(({ state, attempts, claimed_by }) => [state, attempts, claimed_by].join())),
  ).toEqual(new Set(['open,0,']));
  expect(
    rows.filter(({ reason }) => /refused for now \(429\)|lets nothing through/.test(String(reason))).length,
  ).toBe(2);
  expect(
    await db.sql(
      `select refusals::int, extract(epoch from blocked_until - clock_timestamp()) between 25 and 30 as blocked from evenkeel.rate_limit`,
    ),
  ).toEqual([{ refusals: expect.any(Number), blocked: true }]);
  // Another process, in which nobody was refused: it asks nothing either.
  const before = asked.length;
  await keel.once();
  expect(asked.length).toBe(before);
  refusing = false;
  await db.sql('update evenkeel.rate_limit set blocked_until = null, tat = now()');
  await db.sql('update evenkeel.violation set due_at = clock_timestamp()');
  await keel.once();
  expect(await ledger(db)).toEqual([]);
});

test.each<[string, Parameters<typeof upstream>[0], RegExp]>([
  ['answers 500', () => ({ status: 500 }), /^it answered 500$/],
  [
    'redirects',
    () => ({ status: 302, headers: { location: 'http://127.0.0.1:1/' } }),
    /^it redirects \(302\)/,
  ],
  ['sends 10 MB', () => ({ body: 'x'.repeat(10 << 20) }), /^its answer is larger than 8 MB$/],
  [
    'sends 10 MB in parts',
    (_, __, raw) => void raw.write('x'.repeat(5 << 20), () => raw.end('x'.repeat(5 << 20))),
    /^its answer is larger than 8 MB$/,
  ],
  [
    'says 2 bytes and sends 10 MB',
    (_, __, raw) => {
      raw.writeHead(200, { 'content-length': 2 });
      raw.write('{}');
      raw.socket?.write('x'.repeat(10 << 20));
    },
    /^set\(\{\}\) sets nothing$/,
  ],
  ['hangs up', (_, __, raw) => void raw.destroy(), /^it can't be asked: /],
  ['never answers', () => undefined, /^it took longer than 300ms$/],
  ['sends no JSON', () => ({ body: '<html>' }), /is not valid JSON/],
])('an upstream that %s: a reason, and another try later', async (what, answer, reason) => {
  const { url } = await upstream(answer);
  const timeout = what === 'never answers' ? '300ms' : '20s';
  const { db, keel } = await scene(call(api, get(url), { timeout }), { n: 1 });
  await keel.once();
  expect(await ledger(db)).toEqual([
    { id: '1', state: 'open', reason: expect.stringMatching(reason), attempts: 1, claimed_by: null },
  ]);
  expect(await plans(db)).toEqual([null]);
});

test('an upstream that is not there', async () => {
  const { db, keel } = await scene(call(api, get(`http://127.0.0.1:${await freePort()}`)), { n: 1 });
  await keel.once();
  expect((await ledger(db))[0]).toMatchObject({ attempts: 1, reason: "it can't be asked: ECONNREFUSED" });
});

test.each<[string, Handler, string, string]>([
  ['throws', () => Promise.reject(new Error('no such customer')), 'open', 'no such customer'],
  [
    'returns nothing',
    (() => undefined) as never,
    'open',
    'the handler returned undefined, not set(…), remove() or park(reason)',
  ],
  [
    'returns a number',
    (() => 7) as never,
    'parked',
    'the handler returned the number 7, not set(…), remove() or park(reason)',
  ],
  [
    'inserts elsewhere',
    (() => insert('ledger', 'id')) as never,
    'parked',
    'the handler answered with insert: it decides on its own row only',
  ],
  [
    'sets an alien column',
    () => set({ plam: 'x' }),
    'parked',
    expect.stringMatching(/^the handler's answer: .*no column "plam"; did you mean "plan"/) as never,
  ],
  ['sets the key', () => set({ id: 9 }), 'parked', "the handler's answer: id is part of the key"],
  ['parks', () => park('the customer is unknown there'), 'parked', 'the customer is unknown there'],
  ['sets what is still wrong', () => set({ version: 2 }), 'open', 'it is still broken after the write'],
  [
    'sets what does not fit',
    () => set({ plan: 'x', version: 'many' }),
    'open',
    expect.stringContaining('invalid input syntax') as never,
  ],
  ['hangs', () => new Promise<never>(() => {}), 'open', 'it took longer than 200ms'],
])('a handler that %s', async (_, handler, state, reason) => {
  const { db, keel } = await scene(call(api, handler, { timeout: '200ms' }), { n: 1 });
  await keel.once();
  expect(await ledger(db)).toMatchObject([{ state, reason, claimed_by: null }]);
  expect(await db.sql('select plan, version from subs')).toEqual([{ plan: null, version: 1 }]);
});

test('a batch that answers too little fails as a whole; one wrong answer fails alone', async () => {
  let short = true;
  const { db, keel } = await scene(
    call(
      api,
      subjects =>
        short ? [set({ plan: 'x' })] : subjects.map((_, i) => (i === 1 ? (7 as never) : set({ plan: 'x' }))),
      {
        batch: 10,
      },
    ),
  );
  await keel.once();
  expect(new Set((await ledger(db)).map(({ reason }) => reason as string))).toEqual(
    new Set(['the handler returned 1 answers to 3 violations']),
  );
  short = false;
  await db.sql('update evenkeel.violation set due_at = clock_timestamp()');
  await keel.once();
  expect(await ledger(db)).toMatchObject([{ state: 'parked' }]);
});

test('an answer is abandoned where the row changed since it was asked for', async () => {
  const { db, keel } = await scene(
    call(api, async ({ key, attempt }) => {
      // A webhook writes while the request is under way: the same evidence, in a newer row.
      if (attempt === 1 && key['id'] === '1') await db.sql('update subs set version = version where id = 1');
      return set({ plan: 'older' });
    }),
    { n: 2 },
  );
  await keel.once();
  expect(await plans(db)).toEqual([null, 'older']);
  expect(await ledger(db)).toMatchObject([
    { id: '1', state: 'open', attempts: 0, reason: 'the row changed since it was asked' },
  ]);
});

test('an answer never overwrites one that came meanwhile', async () => {
  const { db, keel } = await scene(
    call(api, async () => {
      await db.sql(`update subs set plan = 'webhook'`);
      return set({ plan: 'older' });
    }),
    { n: 1 },
  );
  await keel.once();
  expect(await plans(db)).toEqual(['webhook']);
  expect(await ledger(db)).toEqual([]);
});

test('nothing is asked about while it observes; approved, it is', async () => {
  const { url, asked } = await upstream(() => ({ json: { plan: 'x' } }));
  const { db, keel } = await scene(call(api, get(url)), { more: { mode: 'observe' } });
  await keel.once();
  expect(asked).toEqual([]);
  await db.sql(
    `update evenkeel.violation set state = 'approved', decided_by = 'ana', due_at = clock_timestamp() where key = '{2}'`,
  );
  await keel.once();
  expect(await plans(db)).toEqual([null, 'x', null]);
  expect(await db.sql('select decided_by from evenkeel.entry')).toEqual([{ decided_by: 'ana' }]);
});

test('the guard counts: no more is asked about than may be written', async () => {
  const { url, asked } = await upstream(() => ({ json: { plan: 'x' } }));
  const { db, keel } = await scene(call(api, get(url)), { n: 10, more: { guard: '4/hour' } });
  await keel.once();
  expect(asked.length).toBe(4);
  expect((await plans(db)).filter(Boolean)).toHaveLength(4);
  expect(await db.sql('select held_why from evenkeel.invariant')).toEqual([
    { held_why: 'its guard of 4/hour is used up' },
  ]);
});

test('weights: the estimate is reserved, and what it cost after all is settled', async () => {
  const { url } = await upstream(() => ({ json: { plan: 'x' } }));
  const tokens = limit('tokens', { rate: '1000/s', burst: 1000 });
  const { db, keel } = await scene(
    call(tokens, async (_, { fetch, reserve, spent }) => {
      await reserve(300);
      const response = await fetch(url, { method: 'POST' });
      await spent(100);
      return set((await response.json()) as { plan: string });
    }),
    { n: 1 },
  );
  await keel.once();
  expect(await plans(db)).toEqual(['x']);
  expect(await db.sql('select sum(used)::int as used from evenkeel.rate_second')).toEqual([{ used: 100 }]);
  // Given back: the next unit is due a hundred after the first, not three hundred (at a little less than the rate).
  expect(
    await db.sql(
      `select round(extract(epoch from tat - reserved_at) * 987.5) between -900 and 101 as settled from evenkeel.rate_limit`,
    ),
  ).toEqual([{ settled: true }]);
});

test('an SDK gets the fetch by itself, and its own tries after a refusal go nowhere', async () => {
  const { url, asked } = await upstream(() => ({ status: 429, headers: { 'retry-after': '20' } }));
  const { db, keel } = await scene(
    call(api, async (_, { fetch }) => {
      // As SDKs do: whatever goes wrong is tried again, and then said in words of their own.
      for (let i = 0; i < 3; i++) await fetch(url).catch(() => undefined);
      throw new Error('Connection error.');
    }),
    { n: 1 },
  );
  await keel.once();
  expect(asked).toHaveLength(1);
  expect(await ledger(db)).toMatchObject([{ state: 'open', attempts: 0, reason: 'refused for now (429)' }]);
});

test('a mass of checks is paced by the limit, not held as a flood', async () => {
  const { url } = await upstream(() => ({ json: { plan: 'x' } }));
  const { db, keel } = await scene(call(limit('wide', { rate: '1000/s', burst: 100 }), get(url)), {
    n: 60,
    more: { guard: '1000/hour' },
  });
  await keel.once();
  expect((await plans(db)).filter(Boolean)).toHaveLength(60);
  expect(await db.sql('select held_why from evenkeel.invariant')).toEqual([{ held_why: null }]);
});

test('a refusal stops the limit with its first bytes: whatever comes after them is nobody’s time', async () => {
  const { url } = await upstream((_, __, raw) => {
    raw.writeHead(429, { 'retry-after': '30' });
    raw.write('{ "error": "');
    return undefined;
  });
  const { db, keel } = await scene(call(api, get(url), { timeout: '10s' }), { n: 1 });
  await keel.once();
  expect(await ledger(db)).toMatchObject([{ state: 'open', attempts: 0, reason: 'refused for now (429)' }]);
});

test('what was reserved before a refusal is not sent after it', async () => {
  let refused: (() => void) | undefined;
  const refusal = new Promise<void>(resolve => {
    refused = resolve;
  });
  const { url, asked } = await upstream(() => ({ status: 429, headers: { 'retry-after': '30' } }));
  let [reserved, has] = [() => {}, false];
  const reserving = new Promise<void>(resolve => {
    reserved = resolve;
  });
  const { db, keel } = await scene(
    call(limit('pair', { rate: '1000/s', concurrency: 2 }), async ({ key }, { reserve, fetch }) => {
      if (!has) {
        has = true;
        await reserve(1);
        reserved();
        await refusal;
        await fetch(`${url}/late/${key['id']}`);
      } else {
        await reserving;
        await fetch(`${url}/first`).finally(refused);
      }
      return set({ plan: 'x' });
    }),
    { n: 2 },
  );
  await keel.once();
  expect(asked.map(({ path }) => path)).toEqual(['/first']);
  expect((await ledger(db)).map(({ attempts }) => attempts as number)).toEqual([0, 0]);
});

test.each<[string, Record<string, string>]>([
  ['nothing is left for ever', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9999-12-31T23:59:59Z' }],
  ['one a month', { 'ratelimit-policy': '"a";q=1;w=2678400' }],
  ['zero a second', { 'ratelimit-policy': '"a";q=0;w=1', ratelimit: '"a";r=0;t=0' }],
  ['less than nothing', { 'x-ratelimit-limit': '-5', 'x-ratelimit-remaining': '-1', 'retry-after': '-10' }],
  ['a billion a millisecond', { 'ratelimit-policy': '"a";q=1000000000;w=0.001' }],
  ['that it is the year 9999', { date: 'Fri, 31 Dec 9999 23:59:59 GMT', 'retry-after': '10' }],
  ['nonsense', { 'ratelimit-policy': '((((', 'x-ratelimit-reset': 'soon', 'retry-after': 'later' }],
])(
  'an upstream that says %s: its answer is written, and nobody waits for longer than an hour',
  async (_, headers) => {
    const { url } = await upstream(() => ({ json: { plan: 'x' }, headers }));
    const { db, keel } = await scene(call(api, get(url)), { n: 1 });
    await keel.once();
    expect(await plans(db)).toEqual(['x']);
    const [row] =
      await db.sql(`select coalesce(blocked_until, tat) <= clock_timestamp() + interval '1 hour' as soon,
    evenkeel.rate_in_force(l) between 1 / 3600.0 and 1e12 as sound from evenkeel.rate_limit l`);
    expect(row).toEqual({ soon: true, sound: true });
  },
);

test('failures are tried again later each time, not all at once, and then a person decides', async () => {
  const { url, asked } = await upstream(() => ({ status: 503 }));
  const { db, keel } = await scene(call(api, get(url)), { n: 20 });
  for (let attempt = 1; attempt < 5; attempt++) {
    await keel.once();
    const waits = (
      await db.sql(
        'select attempts, extract(epoch from due_at - clock_timestamp())::float8 as s from evenkeel.violation',
      )
    ).map(({ attempts, s }) => {
      expect(attempts).toBe(attempt);
      return s as number;
    });
    // Three to five quarters of 1, 4, 16 and 64 seconds; some time has passed since.
    expect(Math.max(...waits)).toBeLessThan(1.25 * 4 ** (attempt - 1));
    if (attempt > 1) expect(Math.min(...waits)).toBeGreaterThan(0.75 * 4 ** (attempt - 1) - 3);
    expect(new Set(waits.map(s => s.toFixed(3))).size).toBeGreaterThan(10);
    await db.sql('update evenkeel.violation set due_at = clock_timestamp()');
  }
  await keel.once();
  expect(new Set((await ledger(db)).map(({ state, reason }) => `${state}: ${reason}`))).toEqual(
    new Set(['parked: it answered 503']),
  );
  expect(asked).toHaveLength(100);
  expect(
    await db.sql(
      `select sum(substring(text from '(\\d+) parked: it answered 503')::int)::int as told from evenkeel.alert where kind = 'parked'`,
    ),
  ).toEqual([{ told: 20 }]);
});

test.each(['common', 'stripe'] as const)(
  'a refusal that can’t be written down costs no attempt either (%s)',
  async headers => {
    const { url, asked } = await upstream(() => ({ status: 429, headers: { 'retry-after': '30' } }));
    const { db, keel } = await scene(
      call(limit('slow', { rate: '1000/s', concurrency: 1, headers }), get(url)),
      {
        n: 1,
      },
    );
    await keel.once();
    await db.sql('alter function evenkeel.limit_blocks rename to limit_blocks_no_more');
    await db.sql('update evenkeel.rate_limit set blocked_until = null, tat = now()');
    await db.sql('update evenkeel.violation set due_at = clock_timestamp()');
    await keel.once();
    expect(asked).toHaveLength(2);
    expect(await ledger(db)).toMatchObject([
      { state: 'open', attempts: 0, reason: expect.stringContaining('refused for now (429)') },
    ]);
  },
);

test.each([
  [503, { 'retry-after': '30' }, undefined],
  [403, { 'retry-after': '30' }, undefined],
  [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '30' }, undefined],
  [403, {}, { message: 'You have exceeded a secondary rate limit.' }],
])('GitHub’s %i %j stops the limit and costs no attempt', async (status, headers, json) => {
  const { url, asked } = await upstream(() => ({ status, headers, json }));
  const { db, keel } = await scene(
    call(limit('hub', { rate: '1000/s', concurrency: 1, headers: 'github' }), get(url)),
    { n: 5 },
  );
  await keel.once();
  expect(asked).toHaveLength(1);
  expect(new Set((await ledger(db)).map(({ state, attempts }) => `${state} ${attempts}`))).toEqual(
    new Set(['open 0']),
  );
  expect(
    await db.sql(
      `select blocked_until > clock_timestamp() + interval '25 seconds' as blocked from evenkeel.rate_limit`,
    ),
  ).toEqual([{ blocked: true }]);
});

test('which of Stripe’s limits it was is told, and a lock on one object is none of them', async () => {
  const { url } = await upstream((_, nth) =>
    nth === 1
      ? { status: 429, json: { error: { code: 'lock_timeout' } } }
      : { status: 429, headers: { 'stripe-rate-limited-reason': 'endpoint-concurrency' } },
  );
  const stripe = limit('stripe', { rate: '100/s', concurrency: 1, headers: 'stripe' });
  const { db, keel } = await scene(
    call(stripe, async (_, { fetch }) => {
      const response = await fetch(url);
      if (response.status === 429) throw new Error('locked');
      return set({ plan: 'x' });
    }),
    { n: 1 },
  );
  await keel.once();
  expect(await db.sql('select refusals::int from evenkeel.rate_limit')).toEqual([{ refusals: 0 }]);
  expect(await ledger(db)).toMatchObject([{ attempts: 1, reason: 'locked' }]);
  await db.sql('update evenkeel.violation set due_at = clock_timestamp()');
  await keel.once();
  expect(await db.sql('select refusals::int, blocked_why from evenkeel.rate_limit')).toEqual([
    { refusals: 1, blocked_why: 'it answered 429 (endpoint-concurrency)' },
  ]);
});

test('a process that was stopped for longer than its lease comes back with nothing to say', async () => {
  const { db, keel } = await scene(
    call(api, async () => {
      // Another has taken it over meanwhile, and is asking now.
      await db.sql(
        `update evenkeel.violation set claims = claims + 1, claimed_by = 'another', due_at = clock_timestamp() + interval '30 seconds'`,
      );
      return set({ plan: 'late' });
    }),
    { n: 1 },
  );
  await keel.once();
  expect(await plans(db)).toEqual([null]);
  expect(await ledger(db)).toMatchObject([{ state: 'claimed', claimed_by: 'another', attempts: 0 }]);
});

test('stopping lets what is under way end, and gives the rest back', async () => {
  let answer: (() => void) | undefined;
  const { url, asked } = await upstream(async (_, nth) => {
    if (nth > 1) return undefined;
    await new Promise<void>(resolve => {
      answer = resolve;
    });
    return { json: { plan: 'x' } };
  });
  const { db, keel } = await scene(call(limit('two', { rate: '100/s', concurrency: 2 }), get(url)), { n: 4 });
  const engine = await keel.engine();
  engine.start();
  await until(() => asked.length === 2, { what: 'two requests' });
  const stopped = engine.stop();
  answer?.();
  await stopped;
  expect((await plans(db)).filter(Boolean)).toHaveLength(1);
  const rows = await ledger(db);
  expect(rows.map(({ state, attempts }) => `${state} ${attempts}`)).toEqual(['open 0', 'open 0', 'open 0']);
  expect(await db.sql('select count(*)::int as n from evenkeel.rate_lease')).toEqual([{ n: 0 }]);
});

test('what a dead process had leased comes back, and what kills its process again and again is parked', async () => {
  const { url, asked } = await upstream(() => ({ json: { plan: 'x' } }));
  const { db, keel } = await scene(call(api, get(url)), { n: 2 });
  const engine = await keel.engine();
  await db.sql('select evenkeel.stop()');
  await keel.once();
  await db.sql(`update evenkeel.violation set state = 'claimed', claimed_by = gen_random_uuid()::text, claims = case key[1] when '1' then 1 else 5 end,
    due_at = clock_timestamp() - interval '1 second'`);
  await db.sql('select evenkeel.start()');
  onTestFinished(() => engine.stop());
  engine.start();
  await until(async () => (await plans(db))[0] === 'x', { what: 'the first' });
  await until(async () => (await ledger(db))[0]?.['state'] === 'parked', { what: 'the second' });
  expect(asked.length).toBe(1);
  expect(await ledger(db)).toMatchObject([
    { id: '2', reason: 'its process died, or lost its lease, 5 times' },
  ]);
});

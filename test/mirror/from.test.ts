/** Another system as the truth: `should: from(limit, …)`. */
import { expect, onTestFinished, test } from 'vitest';
import { type SourceDefinition, from } from '../../src/declare/from.ts';
import { type Definition, invariant } from '../../src/declare/invariant.ts';
import { limit } from '../../src/declare/limit.ts';
import { insert, remove, set } from '../../src/declare/remedy.ts';
import { postgres } from '../../src/sources.ts';
import { readJournal } from '../../src/journal/read.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { upstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const api = limit('api', { rate: '1000/s', burst: 100 });

type There = { id: number; plan: string | null };

/** A source over what a test says is there. */
function source(there: Map<number, There>, calls: string[] = [], pageSize = 2): SourceDefinition {
  return {
    get: async (keys, upstream) => {
      await upstream.reserve(1);
      calls.push(`get ${keys.map(({ id }) => id).join(' ')}`);
      return keys.flatMap(({ id }) => {
        const row = there.get(Number(id));
        return row ? [{ ...row, other: 'nobody asked' }] : [];
      });
    },
    list: async (cursor, upstream) => {
      await upstream.reserve(1);
      calls.push(`list ${cursor ?? ''}`);
      const rows = [...there.values()].filter(({ id }) => id > Number(cursor ?? 0)).slice(0, pageSize);
      return { rows, next: rows.length === pageSize ? String(rows.at(-1)?.id) : undefined };
    },
  };
}

const map = (...rows: [number, string | null][]) => new Map(rows.map(([id, plan]) => [id, { id, plan }]));

const plans = (definition: SourceDefinition, more: Partial<Definition> = {}) =>
  invariant('plan', {
    says: 'A plan is the one that is paid for',
    on: 'subs',
    should: from(api, definition),
    heal: [set(), insert(), remove()],
    mode: 'heal',
    guard: 'none',
    grace: '0s',
    ...more,
  } as Definition);

async function shop(...rows: [number, string | null][]): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql('create table subs (id int primary key, plan text, note text)');
  for (const [id, plan] of rows) await db.sql(`insert into subs values ($1, $2, 'mine')`, [id, plan]);
  return db;
}
const table = (db: FreshDatabase) => db.sql('select id, plan, note from subs order by id');

test('what differs, what is missing and what is too much, in both directions', async () => {
  const there = map([1, 'gold'], [2, 'free'], [4, null], [5, 'free']);
  const calls: string[] = [];
  const db = await shop([1, 'gold'], [2, 'gold'], [3, 'free'], [4, 'free']);
  await keelOn(db, [plans(source(there, calls))]).once();
  expect(await table(db)).toEqual([
    { id: 1, plan: 'gold', note: 'mine' },
    { id: 2, plan: 'free', note: 'mine' },
    { id: 4, plan: null, note: 'mine' },
    { id: 5, plan: 'free', note: null },
  ]);
  expect(calls.slice(0, 3)).toEqual(['list ', 'list 2', 'list 5']);
  // Asked once more before it was written, many at once.
  expect(calls.slice(3)).toEqual([expect.stringMatching(/^get ([2345] ?){4}$/)]);
  const { entries } = await readJournal(db.pool, { limit: 10 });
  expect(
    entries.map(({ action, key }) => `${action} ${key[0]}`).toSorted((a, b) => a.localeCompare(b)),
  ).toEqual(['insert 5', 'remove 3', 'set 2', 'set 4']);
});

test('what the reading saw is asked once more: a newer row is left alone', async () => {
  const there = map([1, 'gold'], [2, 'gold']);
  const db = await shop([1, 'gold'], [2, 'gold']);
  const calls: string[] = [];
  const keel = keelOn(db, [plans(source(there, calls))]);
  await keel.once();
  // A webhook: both have the new plan, and the mirror doesn't know it.
  there.set(1, { id: 1, plan: 'free' });
  await db.sql(`update subs set plan = 'free' where id = 1`);
  await db.sql(`update evenkeel.mirror set next_at = 'infinity'`);
  const engine = await keel.engine();
  onTestFinished(() => engine.stop());
  engine.start();
  await until(() => calls.includes('get 1'), { what: 'the question' });
  await until(async () => (await db.sql('select from evenkeel.violation')).length === 0, {
    what: 'an empty ledger',
  });
  expect((await table(db))[0]).toMatchObject({ plan: 'free' });
  expect((await readJournal(db.pool, { limit: 10 })).entries).toEqual([]);
});

test('what changes there is found by the next reading, and what goes there goes here', async () => {
  const there = map([1, 'gold'], [2, 'gold'], [3, 'gold']);
  const db = await shop([1, 'gold'], [2, 'gold'], [3, 'gold']);
  const keel = keelOn(db, [plans(source(there))]);
  await keel.once();
  there.set(2, { id: 2, plan: 'free' });
  there.delete(3);
  await keel.once();
  expect((await table(db)).map(({ id, plan }) => `${id} ${plan}`)).toEqual(['1 gold', '2 free']);
});

test('without a list, what is here is asked about, page by page, and nobody knows what is missing', async () => {
  const there = map([1, 'gold'], [2, 'free'], [3, 'free'], [9, 'free']);
  const calls: string[] = [];
  const { get } = source(there, calls);
  const db = await shop([1, 'gold'], [2, 'gold'], [3, 'free'], [4, 'free']);
  await keelOn(db, [plans({ get, batch: 2 })]).once();
  expect((await table(db)).map(({ id, plan }) => `${id} ${plan}`)).toEqual(['1 gold', '2 free', '3 free']);
  expect(calls.slice(0, 2)).toEqual(['get 1 2', 'get 3 4']);
});

test('half of a reading is compared with nothing', async () => {
  const there = map([1, 'gold'], [2, 'gold'], [3, 'gold'], [4, 'gold']);
  const full = source(there);
  let down = true;
  const list: SourceDefinition['list'] = async (cursor, upstream) => {
    if (cursor !== undefined && down) throw new Error('it went away');
    return full.list!(cursor, upstream);
  };
  const db = await shop([1, 'gold'], [2, 'gold'], [3, 'gold'], [4, 'free']);
  const keel = keelOn(db, [plans({ ...full, list })]);
  await keel.once();
  expect(await db.sql('select from evenkeel.violation')).toEqual([]);
  expect(await db.sql('select failed_why, cursor from evenkeel.mirror')).toEqual([
    { failed_why: 'it went away', cursor: '2' },
  ]);
  // It goes on where it was.
  down = false;
  await keel.once();
  expect((await table(db)).map(({ plan }) => plan as string)).toEqual(['gold', 'gold', 'gold', 'gold']);
});

test('columns or a key that are declared otherwise: the mirror is made anew', async () => {
  const db = await freshDatabase();
  await db.sql(`create table subs (id int primary key, code text unique not null, plan text, seats int);
    insert into subs values (1, 'a', 'gold', 1), (2, 'b', 'gold', 1)`);
  const there = [
    { id: 1, code: 'a', plan: 'free', seats: 2 },
    { id: 2, code: 'b', plan: 'gold', seats: 3 },
  ];
  const definition: SourceDefinition = {
    get: keys => there.filter(row => keys.some(({ id, code }) => id === String(row.id) || code === row.code)),
    list: () => ({ rows: there }),
  };
  const table = async () =>
    (await db.sql('select plan, seats from subs order by id')).map(row => `${row.plan} ${row.seats}`);
  await keelOn(db, [plans(definition, { heal: set('plan') })]).once();
  expect(await table()).toEqual(['free 1', 'gold 1']);
  await keelOn(db, [plans(definition, { heal: set('plan', 'seats') })]).once();
  await keelOn(db, [plans(definition, { heal: set('plan', 'seats') })]).once();
  expect(await table()).toEqual(['free 2', 'gold 3']);
  await db.sql(`update subs set plan = 'none'`);
  const byCode = keelOn(db, [plans(definition, { heal: set('plan', 'seats'), key: 'code' })]);
  await byCode.once();
  await byCode.once();
  expect(await table()).toEqual(['free 2', 'gold 3']);
});

test('a page that comes after another process has read on is thrown away', async () => {
  const db = await shop([1, 'gold'], [2, 'gold'], [3, 'gold']);
  const calls: string[] = [];
  const full = source(map([1, 'gold'], [2, 'gold'], [3, 'gold']), calls);
  const list: SourceDefinition['list'] = async (cursor, upstream) => {
    const page = await full.list!(cursor, upstream);
    // Meanwhile somebody else has ended that reading, and begun another: as the last page of his it would take away all else.
    if (calls.length === 2)
      await db.sql(`update evenkeel.mirror set cursor = '1', began_at = clock_timestamp()`);
    return page;
  };
  await keelOn(db, [plans({ ...full, list })]).once();
  expect(calls.slice(0, 4)).toEqual(['list ', 'list 2', 'list 1', 'list 3']);
  expect((await readJournal(db.pool, { limit: 10 })).entries).toEqual([]);
});

test('a list that never ends is a reason', async () => {
  const db = await shop([1, 'gold']);
  const list = () => ({ rows: [{ id: 1, plan: 'gold' }], next: 'again' });
  await keelOn(db, [plans({ get: () => [], list })]).once();
  expect(await db.sql('select failed_why from evenkeel.mirror')).toEqual([
    { failed_why: 'list returned the cursor that it was given: it would never end' },
  ]);
});

const rows = (...given: unknown[]): SourceDefinition => ({
  get: () => given as never,
  list: () => ({ rows: given as never }),
});
test.each<[string, SourceDefinition, RegExp]>([
  ['two rows of one key', rows({ id: 1, plan: 'a' }, { id: 1, plan: 'b' }), /two rows with the same key/],
  ['no key', rows({ plan: 'a' }), /a row without id/],
  ['a key that is null', rows({ id: null, plan: 'a' }), /whose key is null/],
  ['a row that lacks a column', rows({ id: 1, plan: 'a' }, { id: 2 }), /a row without plan/],
  ['no rows but text', rows('gold'), /no column of|as a row|listed nothing/],
  ['a function', rows({ id: 1, plan: () => 1 }), /column 'plan' can't be a function/],
  ['no page', { get: () => [], list: () => 7 as never }, /list returned the number 7, not \{ rows, next \}/],
  ['an alien key', { get: () => [{ id: 77, plan: 'a' }] }, /a key that it was not asked for/],
  ['no array', { get: () => ({}) as never }, /its columns are not known|not an array/],
  ['a throw', { get: () => Promise.reject(new Error('no such account')) }, /no such account/],
])('%s: a reason, and nothing is touched', async (_, definition, why) => {
  const db = await shop([1, 'gold'], [2, 'gold']);
  await keelOn(db, [plans(definition)]).once();
  expect(await db.sql('select failed_why from evenkeel.mirror')).toEqual([
    { failed_why: expect.stringMatching(why) },
  ]);
  expect((await table(db)).map(({ plan }) => plan as string)).toEqual(['gold', 'gold']);
});

test('values that do not fit their column are a reason, too', async () => {
  const db = await shop([1, 'gold']);
  await keelOn(db, [plans(rows({ id: 'x', plan: 'a' }))]).once();
  expect(await db.sql('select failed_why from evenkeel.mirror')).toEqual([
    { failed_why: expect.stringContaining('invalid input syntax for type integer') },
  ]);
});

test.each<[string, unknown, RegExp]>([
  [
    'two rows of one key',
    [
      { id: 1, plan: 'a' },
      { id: 1, plan: 'b' },
    ],
    /two rows with the same key/,
  ],
  ['an alien key', [{ id: 77, plan: 'a' }], /a key that it was not asked for/],
  ['no array', 7, /get returned the number 7, not an array of rows/],
  ['a row without a column', [{ id: 1 }], /a row without plan/],
])(
  'asked again before it is written, it returns %s: the reason is on the violation',
  async (_, answer, why) => {
    const db = await shop([1, 'gold'], [2, 'gold']);
    const list = () => ({
      rows: [
        { id: 1, plan: 'free' },
        { id: 2, plan: 'gold' },
      ],
    });
    await keelOn(db, [plans({ get: () => answer as never, list })]).once();
    expect(await db.sql('select key, reason from evenkeel.violation')).toEqual([
      { key: ['1'], reason: expect.stringMatching(why) },
    ]);
    expect((await table(db)).map(({ plan }) => plan as string)).toEqual(['gold', 'gold']);
  },
);

test('an upstream that refuses is read on when it may be', async () => {
  let refusing = true;
  const { url, asked } = await upstream(({ path }) =>
    refusing
      ? { status: 429, headers: { 'retry-after': '1' } }
      : { json: path === '/all' ? { rows: [{ id: 1, plan: 'free' }] } : [{ id: 1, plan: 'free' }] },
  );
  const definition: SourceDefinition = {
    get: async (_, { fetch }) => (await (await fetch(`${url}/some`)).json()) as never,
    list: async (_, { fetch }) => (await (await fetch(`${url}/all`)).json()) as never,
  };
  const db = await shop([1, 'gold']);
  const engine = await keelOn(db, [plans(definition)]).engine();
  onTestFinished(() => engine.stop());
  engine.start();
  await until(() => asked.length > 0, { what: 'the first request' });
  refusing = false;
  await until(async () => (await table(db))[0]?.['plan'] === 'free', { what: 'the heal' });
  expect(asked.length).toBeGreaterThan(2);
});

test('a composite key, and a condition on what is governed', async () => {
  const db = await freshDatabase();
  await db.sql(`create table seats (org text, n int, who text, primary key (org, n));
    insert into seats values ('a', 1, 'ana'), ('a', 2, 'ben'), ('b', 1, 'cem')`);
  const there = [
    { org: 'a', n: 1, who: 'ana' },
    { org: 'a', n: 2, who: 'bea' },
  ];
  const one = invariant('seat', {
    says: 'x',
    on: `seats where org = 'a'`,
    should: from(api, {
      get: keys => there.filter(row => keys.some(({ org, n }) => org === row.org && n === String(row.n))),
      list: () => ({ rows: there }),
    }),
    heal: [set('who'), remove()],
    mode: 'heal',
    guard: 'none',
    grace: '0s',
  });
  await keelOn(db, [one]).once();
  expect(await db.sql('select who from seats order by org, n')).toEqual([
    { who: 'ana' },
    { who: 'bea' },
    { who: 'cem' },
  ]);
});

test('postgres(): a table of another database', async () => {
  const other = await freshDatabase();
  await other.sql(`create table accounts (id int primary key, plan text);
    insert into accounts select g, 'p' || g from generate_series(1, 1200) g`);
  const db = await shop([1, 'p1'], [2, 'wrong'], [5000, 'gone']);
  await keelOn(db, [
    plans(postgres(other.url, { table: 'public.accounts', key: 'id', columns: ['plan'] })),
  ]).once();
  expect(await db.sql(`select count(*)::int as n, bool_and(plan = 'p' || id) as right from subs`)).toEqual([
    { n: 1200, right: true },
  ]);
});

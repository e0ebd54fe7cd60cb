import { afterAll, expect, test } from 'vitest';
import { createPool } from '../../src/db/pool.ts';
import { Live } from '../../src/web/live.ts';
import { reading } from '../../src/web/reading.ts';
import { Recent } from '../../src/web/recent.ts';
import { Tally } from '../../src/web/tally.ts';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { until } from '../support/wait.ts';
import { serve } from './served.ts';

const db = await freshDatabase();
const pool = createPool(db.url, 3, 2_000);
afterAll(() => pool.end());

test('a page can only read, and not for long', async () => {
  const pages = reading(pool, 100);
  await expect(pages.query('create table t ()')).rejects.toMatchObject({ code: '25006' });
  await expect(pages.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
  await pages.query('select $1::int as n', [1]).then(({ rows }) => expect(rows).toEqual([{ n: 1 }]));
  // What the pool itself does afterwards is not bound by it.
  expect((await pool.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
  await pool.query('create table t ()');
});

test('an answer that never comes is not waited for, and its connection is closed', async () => {
  const one = createPool(db.url, 1, 200);
  await expect(reading(one, 60_000).query('select pg_sleep(2)')).rejects.toThrow(/timeout/);
  expect(one.totalCount).toBe(0);
  await one.end();
});

test('what is being made is not begun again, however long it takes', async () => {
  const recent = new Recent();
  const live = new Live(pool);
  let begun = 0;
  let end: (n: number) => void = () => undefined;
  const make = () => (begun++, new Promise<number>(resolve => (end = resolve)));
  const first = recent.of('x', 0, make);
  expect(recent.of('x', 0, make)).toBe(first);
  end(1);
  await first;
  void recent.of('x', 0, make);
  expect(begun).toBe(2);
  const drawn = { body: '', status: 200 } as const;
  const page = live.page('x', () => new Promise(resolve => setTimeout(resolve, 1_000, drawn)));
  await new Promise(resolve => setTimeout(resolve, 950));
  expect(live.page('x', async () => drawn)).toBe(page);
  await page;
});

test('a heal that commits after later ones is told, and each once', async () => {
  await keelOn(db, {}).once();
  const tally = new Tally(pool);
  const heal = (name: string) =>
    `insert into evenkeel.entry (invariant, hash, action, table_name, key, key_columns, subject, opened_at, decided_by)
     values ('${name}', '', 'set', 'public.t', '{1}', '{id}', '{1}', clock_timestamp(), 'evenkeel')`;
  const told: string[] = [];
  const look = async () => void told.push(...(await tally.since()).heals.map(({ invariant }) => invariant));
  await pool.query(heal('before'));
  await look();
  expect(told).toEqual([]);
  const slow = await pool.connect();
  await slow.query(`begin; ${heal('slow')}`);
  await pool.query(heal('quick'));
  await look();
  await slow.query('commit');
  slow.release();
  await pool.query(heal('last'));
  // What is told waits for every transaction of the server's that was begun before, those of other tests too.
  await until(async () => (await look(), told.includes('last')), { what: 'the last one to be told' });
  await look();
  expect(told.filter(name => name !== 'before').sort()).toEqual(['last', 'quick', 'slow']);
});

test('yes is said only while everything was looked at', async () => {
  const fresh = await freshDatabase();
  await fresh.sql('create table t (id int primary key)');
  const keel = keelOn(fresh, { none: '-- evenkeel: broken\n-- says: None\n-- on: t\nselect id from t' });
  await keel.once();
  await fresh.sql(`update evenkeel.process set heartbeat_at = clock_timestamp() + interval '1 hour'`);
  await fresh.sql(`insert into evenkeel.process (id, host, pid, version, heartbeat_at, definitions)
    select gen_random_uuid(), 'h', 1, '0', clock_timestamp() + interval '1 hour', '{}' where not exists (select from evenkeel.process)`);
  const says = async () => {
    const web = await serve(fresh, keel.invariants);
    return /<p class="big">([^<]*)/.exec((await web.get('/')).body)?.[1];
  };
  expect(await says()).toBe('Yes');
  await fresh.sql(`update evenkeel.invariant set stale_since = clock_timestamp(), stale_why = 'x'`);
  expect(await says()).toBe('As far as we know');
  await fresh.sql(`update evenkeel.invariant set stale_since = null, stale_why = null,
    proved_at = clock_timestamp() - interval '1 year', next_pass_at = clock_timestamp() - interval '1 year'`);
  expect(await says()).toBe('As far as we know');
});

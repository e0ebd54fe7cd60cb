/** `evenkeel status --limits` */
import { expect, test } from 'vitest';
import { call } from '../../src/declare/call.ts';
import { invariant } from '../../src/declare/invariant.ts';
import { limit } from '../../src/declare/limit.ts';
import { set } from '../../src/declare/remedy.ts';
import { sql } from '../../src/declare/sql.ts';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { upstream } from '../support/upstream.ts';
import { evenkeel } from './run.ts';

test('configured, learned, in force, used, waiting, under way, refused, blocked', async () => {
  const db = await freshDatabase();
  const { url } = await upstream((_, nth) =>
    nth <= 2
      ? { json: { plan: 'x' }, headers: { 'ratelimit-policy': '"a";q=20;w=1' } }
      : { status: 429, headers: { 'retry-after': '600' } },
  );
  await db.sql(
    'create table subs (id int primary key, plan text); insert into subs select generate_series(1, 5)',
  );
  const plan = invariant('plan', {
    says: 'A plan is known',
    on: 'subs',
    broken: sql`select id from subs where plan is null`,
    heal: call(limit('billing', { rate: '100/s', concurrency: 1 }), async (_, { fetch }) =>
      set((await (await fetch(url)).json()) as { plan: string }),
    ),
    mode: 'heal',
    guard: 'none',
    grace: '0s',
  });
  await keelOn(db, [plan]).once();
  await db.sql(`insert into evenkeel.rate_lease (rate_limit, holder, expires_at)
    values ('billing', gen_random_uuid(), clock_timestamp() + interval '1 minute'), ('billing', gen_random_uuid(), clock_timestamp() - interval '1 minute')`);
  const { limits } = (await evenkeel({ url: db.url }, 'status', '--limits', '--json')).json();
  expect(limits).toEqual([
    {
      name: 'billing',
      configured: 100,
      burst: 1,
      concurrency: 1,
      learned: { rate: 20, by: 'told', at: expect.any(String) },
      inForce: 20,
      minute: { used: 3, refused: 1 },
      refusals: 1,
      waiting: 3,
      underWay: 0,
      leases: 1,
      blocked: { until: expect.any(String), why: 'it answered 429' },
    },
  ]);
  const { stdout } = await evenkeel({ url: db.url }, 'status', '--limits');
  const [titles, row, note] = stdout.split('\n');
  expect(titles?.trim().split(/ {2,}/)).toEqual([
    'limit',
    'configured',
    'learned',
    'in force',
    'used/min',
    'waiting',
    'under way',
    '429s/min',
    '429s',
  ]);
  expect(row?.trim().split(/ {2,}/)).toEqual([
    'billing',
    '100/s',
    '20/s (told)',
    '20/s',
    '3',
    '3',
    '1 of 1',
    '1',
    '1',
  ]);
  expect(note).toMatch(/^billing: nothing is sent until \d\d:\d\d:\d\d UTC: it answered 429$/);
});

/** One budget for all processes: on the database's clock, whatever that does, whoever dies. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Limit } from '../../src/declare/limit.ts';
import { createPool } from '../../src/db/pool.ts';
import { createLog } from '../../src/log.ts';
import { migrate } from '../../src/db/migrate.ts';
import type { Told } from '../../src/limits/answer.ts';
import { mostWaitMs } from '../../src/limits/when.ts';
import { Budget, type Permit, pace } from '../../src/limits/budget.ts';
import { Notices } from '../../src/limits/notices.ts';
import { pidOf, untilBlocked } from '../support/blocked.ts';
import { freshCluster } from '../support/cluster.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { until } from '../support/wait.ts';

const declared = (more: Partial<Limit> = {}): Limit => ({
  name: 'api',
  rate: 100,
  burst: 1,
  concurrency: undefined,
  headers: 'common',
  ...more,
});

const budgetOn = async (db: Pick<FreshDatabase, 'url'>, more: Partial<Limit> = {}): Promise<Budget> =>
  (await openBudget(db, more)).budget;

async function openBudget(db: Pick<FreshDatabase, 'url'>, more: Partial<Limit>) {
  const pool = createPool(db.url, 2);
  await migrate(pool);
  const budget = new Budget(pool, declared(more), randomUUID());
  await budget.declare();
  onTestFinished(async () => {
    await budget.close();
    await pool.end();
  });
  return { pool, budget };
}

const reserve = async (db: FreshDatabase, wanted = 1000, weight = 1) =>
  (
    await db.sql(
      `select slots, first_ms, gap_ms, wait_ms, leases::text[] as leases from evenkeel.reserve('api', $1, $2, $3, 30)`,
      [wanted, weight, randomUUID()],
    )
  )[0] as {
    slots: number;
    first_ms: number | null;
    gap_ms: number;
    wait_ms: number | null;
    leases: string[];
  };

/** What others are told from now on. */
async function hearing(db: FreshDatabase): Promise<readonly string[]> {
  const heard: string[] = [];
  const listener = await db.client();
  listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
  await listener.query('listen evenkeel_limit');
  return heard;
}

test.each(['fails', 'hangs', 'is overtaken by a refusal'])(
  'where giving back what was reserved too much %s, whoever waits is served in the end, and not before he may',
  async how => {
    const db = await freshDatabase();
    const { pool, budget } = await openBudget(db, { rate: 1_000 });
    const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
    let overtaken = false;
    const settles = (...args: unknown[]) => {
      if (how === 'fails') return Promise.reject(new Error('no'));
      if (how === 'hangs') return new Promise(() => {});
      if (!overtaken) budget.block(300);
      overtaken = true;
      return query(...args);
    };
    await budget.take();
    let reserved = 0;
    Object.assign(pool, {
      query: async (...args: unknown[]) => {
        const text = String(args[0]);
        if (text.includes('limit_settles')) return settles(...args);
        const result = await query(...args);
        if (text.includes('evenkeel.reserve') && ++reserved === 2) {
          // One of the two for whom this was goes away.
          await first;
          budget.block(20);
          await until(() => Promise.resolve(budget.blockedMs === 0 || undefined), {
            what: 'the block to end',
          });
        }
        return result;
      },
    });
    const first = budget.take();
    const impatient = budget.take(1, 5);
    const last = budget.take().then(() => budget.blockedMs);
    await expect(impatient).rejects.toThrow('lets nothing through');
    expect(await last).toBe(0);
    expect([budget.waiting, overtaken]).toEqual([0, how === 'is overtaken by a refusal']);
  },
);

test('four at once never get more than the rate allows, and get all of it', async () => {
  const db = await freshDatabase();
  const budgets = await Promise.all([1, 2, 3, 4].map(() => budgetOn(db, { rate: 400 })));
  const [{ began }] = await db.sql('select clock_timestamp() as began');
  const taken = await Promise.all(
    budgets.map(budget => Promise.all(Array.from({ length: 100 }, () => budget.take()))),
  );
  expect(taken.flat()).toHaveLength(400);
  // What was handed out lies behind the row's next due time, and that is at most as far as the rate went.
  const [row] = await db.sql(
    `select extract(epoch from tat - $1::timestamptz) * evenkeel.limit_pace() * 400 as units, (select sum(used) from evenkeel.rate_second) as used from evenkeel.rate_limit`,
    [began],
  );
  expect(row.used).toBe(400);
  expect(Number(row.units)).toBeGreaterThanOrEqual(399);
});

test('reservations are spaced, reach a second ahead at most, and say when to ask again', async () => {
  const db = await freshDatabase();
  await budgetOn(db);
  await db.sql(
    `update evenkeel.rate_limit set tat = clock_timestamp(), busy_from = clock_timestamp() - interval '1 minute'`,
  );
  const first = await reserve(db);
  expect(first).toMatchObject({ wait_ms: null, leases: [] });
  expect(first.gap_ms).toBeCloseTo(1000 / (100 * pace), 6);
  expect(first.slots).toBe(99);
  await db.sql(`update evenkeel.rate_limit set rate = 0.5, tat = '-infinity'`);
  expect((await reserve(db)).slots).toBe(1);
  const full = await reserve(db);
  expect([full.slots, full.wait_ms !== null && full.wait_ms > 0 && full.wait_ms < 1_100]).toEqual([0, true]);
});

test('after a rest the first second goes out at half the rate, where that is more than a few', async () => {
  const db = await freshDatabase();
  await budgetOn(db);
  const gap = async () => (await reserve(db, 1)).gap_ms;
  const later = (interval: string) =>
    db.sql('update evenkeel.rate_limit set tat = tat - $1::interval, busy_from = busy_from - $1::interval', [
      interval,
    ]);
  expect(await gap()).toBeCloseTo(2000 / (100 * pace), 6);
  expect(await gap()).toBeCloseTo(2000 / (100 * pace), 6);
  await later('0.9 seconds');
  await later('0.2 seconds');
  await db.sql('update evenkeel.rate_limit set tat = clock_timestamp()');
  expect(await gap()).toBeCloseTo(1000 / (100 * pace), 6);
  await later('1.1 seconds');
  expect(await gap()).toBeCloseTo(2000 / (100 * pace), 6);
  await db.sql(`update evenkeel.rate_limit set rate = 5, tat = '-infinity'`);
  expect(await gap()).toBeCloseTo(1000 / (5 * pace), 6);
});

test('a heavy request takes its share of time, and the difference is settled afterwards', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db, { rate: 1000 });
  expect(await reserve(db, 5, 5000)).toMatchObject({ slots: 1 });
  expect((await reserve(db, 1, 1)).slots).toBe(0);
  const tat = async () =>
    Number((await db.sql('select extract(epoch from tat) as tat from evenkeel.rate_limit'))[0].tat);
  const before = await tat();
  await budget.release({ weight: 5000, lease: undefined }, 1060);
  expect(await tat()).toBeCloseTo(before - 3940 / (1000 * pace), 3);
});

test('a limit of more units a second than a clock can tell apart', async () => {
  const db = await freshDatabase();
  await budgetOn(db, { rate: 1e8 });
  expect(await reserve(db, 100)).toMatchObject({ slots: 100 });
});

test('a burst is given at once, and once', async () => {
  const db = await freshDatabase();
  await budgetOn(db, { rate: 1, burst: 10 });
  expect(await reserve(db, 10)).toMatchObject({ slots: 10, first_ms: 0 });
  const after = await reserve(db, 10);
  expect(after.slots).toBeLessThan(3);
});

test('a clock that steps back takes nothing with it, nor does a server that restarts', async () => {
  const db = await freshDatabase();
  await budgetOn(db);
  await reserve(db);
  // An hour ago the clock said what it says in an hour.
  await db.sql(`update evenkeel.rate_limit set reserved_at = reserved_at + interval '1 hour', tat = tat + interval '1 hour',
    blocked_until = clock_timestamp() + interval '1 hour'`);
  await until(async () => (await reserve(db)).slots > 0, { what: 'a reservation' });
  await db.sql(
    `update evenkeel.rate_limit set server_start = server_start - interval '1 day', tat = '-infinity'`,
  );
  const { slots, first_ms } = await reserve(db, 1);
  expect([slots, slots === 1 ? Math.round(first_ms as number) : undefined]).toEqual([1, 1000]);
});

test('of requests at a time, a dead process gives back its own', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db, { concurrency: 2 });
  const [one, two] = await Promise.all([budget.take(), budget.take()]);
  let third: Permit | undefined;
  void budget.take().then(permit => (third = permit));
  expect((await reserve(db)).slots).toBe(0);
  expect(third).toBe(undefined);
  await budget.release(one);
  await until(() => third, { what: 'the third to be let in' });
  // A process that was killed.
  await db.sql(`update evenkeel.rate_lease set expires_at = clock_timestamp() where id = $1`, [two?.lease]);
  const again = await budget.take();
  expect(again.lease).not.toBe(undefined);
});

test('a request that takes longer than a lease keeps its own', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db, { concurrency: 1 });
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const permit = await budget.take();
  await db.sql(`update evenkeel.rate_lease set expires_at = clock_timestamp() + interval '5 seconds'`);
  vi.advanceTimersByTime(10_000);
  await until(
    async () =>
      (
        await db.sql(
          `select from evenkeel.rate_lease where expires_at > clock_timestamp() + interval '20 seconds'`,
        )
      ).length === 1,
    { what: 'it to be renewed' },
  );
  await budget.release(permit);
  expect(await db.sql('select from evenkeel.rate_lease')).toEqual([]);
});

test('a refusal stops everybody, costs a tenth once, and is waited out twice as long each time', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db);
  const heard = await hearing(db);
  await budget.heard({ refused: true, waitMs: 60_000 }, '429');
  expect((await reserve(db)).wait_ms).toBeGreaterThan(50_000);
  await until(() => heard.length > 0, { what: 'the others to be told' });
  expect(JSON.parse(heard[0] as string)).toEqual(['api', 60_000]);
  const force = async () =>
    Number((await db.sql('select evenkeel.rate_in_force(l) as rate from evenkeel.rate_limit l'))[0].rate);
  // One alone is chance, and those of the same moment are no others.
  await budget.heard({ refused: true }, '429');
  expect(await force()).toBe(100);
  // What was let through in the second before counts, and there may have been a turn of the second.
  await db.sql(`update evenkeel.rate_second set second = second - interval '3 seconds'`);
  await db.sql(
    `update evenkeel.rate_limit set refused_at = refused_at - interval '2 seconds', refused_from = refused_from - interval '2 seconds', blocked_until = null, in_a_row = 3`,
  );
  const [{ ms }] = await db.sql(`select evenkeel.limit_blocks('api', null, '429', true) as ms`);
  expect(ms).toBe(160);
  expect(await force()).toBeGreaterThanOrEqual(90);
  expect(await force()).toBeLessThan(92);
  await db.sql(`update evenkeel.rate_limit set refused_at = refused_at - interval '1 hour'`);
  expect(await force()).toBe(100);
  expect((await db.sql('select refusals::int, in_a_row from evenkeel.rate_limit'))[0]).toEqual({
    refusals: 3,
    in_a_row: 4,
  });
  await budget.heard({ refused: false }, '200');
  expect((await db.sql('select in_a_row from evenkeel.rate_limit'))[0]).toEqual({ in_a_row: 0 });
});

test('who holds the row keeps nobody from hearing what an upstream said', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db);
  const heard = await hearing(db);
  const holder = await db.client();
  await holder.query('begin; select from evenkeel.rate_limit for update');
  const written = budget.heard({ refused: true, waitMs: 60_000 }, '429');
  await until(() => heard.length > 0, { what: 'the others to be told' });
  expect(JSON.parse(heard[0] as string)).toEqual(['api', 60_000]);
  await holder.query('commit');
  await written;
  expect((await reserve(db)).wait_ms).toBeGreaterThan(50_000);
});

test('refusals of one moment are written down together', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db);
  const heard = await hearing(db);
  await Promise.all(Array.from({ length: 50 }, () => budget.heard({ refused: true }, '429')));
  await until(() => heard.length > 0, { what: 'the others to be told' });
  expect(heard.length).toBeLessThanOrEqual(2);
  const [row] = await db.sql('select refusals::int, in_a_row from evenkeel.rate_limit');
  expect(row).toEqual({ refusals: 50, in_a_row: 1 });
});

test('one refusal of two hundred is chance; of fewer it is a sign', async () => {
  const db = await freshDatabase();
  await budgetOn(db);
  const again = async (used: number) => {
    await db.sql(
      `update evenkeel.rate_limit set refused_at = clock_timestamp() - interval '5 seconds', refused_from = null, found_rate = null, in_a_row = 0`,
    );
    await db.sql('delete from evenkeel.rate_second');
    await db.sql(
      `insert into evenkeel.rate_second values ('api', date_trunc('second', clock_timestamp()) - interval '4 seconds', $1)`,
      [used],
    );
    const [{ ms }] = await db.sql(`select evenkeel.limit_blocks('api', null, '429', true) as ms`);
    const [{ found }] = await db.sql('select found_rate as found from evenkeel.rate_limit');
    return [ms, found];
  };
  expect(await again(200)).toEqual([20, null]);
  expect(await again(190)).toEqual([20, 90]);
});

test('several refusals cost as much as to send what went through in the second before the first', async () => {
  const db = await freshDatabase();
  await budgetOn(db);
  const found = async () => (await db.sql('select found_rate as found from evenkeel.rate_limit'))[0].found;
  const refusedAfter = (interval: string) =>
    db.sql(
      `update evenkeel.rate_limit set refused_at = refused_at - $1::interval, blocked_until = blocked_until - $1::interval, refused_from = refused_from - $1::interval`,
      [interval],
    );
  const refuse = () => db.sql(`select evenkeel.limit_blocks('api', null, '429', true)`);
  // So many went through, of which 70 were due in any second; nothing is due later.
  await db.sql(`insert into evenkeel.rate_second
    select 'api', date_trunc('second', clock_timestamp()) - make_interval(secs => s),
           case when s = 0 then 71 * extract(epoch from clock_timestamp() - date_trunc('second', clock_timestamp())) else 71 end
      from generate_series(0, 2) s`);
  await refuse();
  expect(await found()).toBeNull();
  // Within the same second it is the same sign.
  await refusedAfter('0.5 seconds');
  await refuse();
  expect(await found()).toBeNull();
  await refusedAfter('0.6 seconds');
  await refuse();
  expect(await found()).toBeGreaterThan(68);
  expect(await found()).toBeLessThan(72);
  // What comes within a second of that was sent before; then it is a sign again, and no more is known than before.
  const first = await found();
  await refusedAfter('0.5 seconds');
  await refuse();
  expect(await found()).toBeCloseTo(first, 0);
  await refusedAfter('0.6 seconds');
  await refuse();
  expect(await found()).toBeGreaterThan(0.97 * first);
  expect(await found()).toBeLessThan(0.995 * first);
});

test('what was reserved before a refusal is not sent after it', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db, { rate: 20 });
  const sent: number[] = [];
  const taking = Array.from({ length: 4 }, () => budget.take().then(() => sent.push(performance.now())));
  await taking[0];
  const at = performance.now();
  await budget.heard({ refused: true, waitMs: 400 }, '429');
  await Promise.all(taking);
  expect(sent.filter(one => one > at && one < at + 399)).toEqual([]);
  expect(sent).toHaveLength(4);
});

test('what the upstream states replaces what was declared, and is remembered', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db);
  const force = async () =>
    Number((await db.sql('select evenkeel.rate_in_force(l) as rate from evenkeel.rate_limit l'))[0].rate);
  await budget.heard({ refused: false, quota: { units: 600, windowMs: 60_000 } }, '200');
  expect(await force()).toBe(10);
  // What is left has to last.
  await budget.heard(
    { refused: false, quota: { units: 600, windowMs: 60_000 }, left: { units: 30, forMs: 30_000 } },
    '200',
  );
  expect(await force()).toBe(1);
  await budget.heard(
    {
      refused: false,
      quota: { units: 600, windowMs: 60_000 },
      left: { units: 0, forMs: 30_000 },
      waitMs: 30_000,
    },
    '200',
  );
  const [row] = await db.sql(
    `select told_rate, refusals::int, blocked_until > clock_timestamp() + interval '25 seconds' as blocked from evenkeel.rate_limit`,
  );
  expect(row).toEqual({ told_rate: 10, refusals: 0, blocked: true });
  await budget.declare();
  expect(await force()).toBe(10);
});

test('reservations that a crash of the server forgot are not given twice', { timeout: 60_000 }, async () => {
  const cluster = await freshCluster();
  const budget = await budgetOn(cluster, { rate: 1000 });
  await Promise.all(Array.from({ length: 50 }, () => budget.take()));
  await cluster.kill();
  await cluster.restart();
  const pool = createPool(cluster.url, 1);
  onTestFinished(() => pool.end());
  const { rows } = await pool.query(
    `select first_ms >= 990 or clock_timestamp() > pg_postmaster_start_time() + interval '1 second' as late from evenkeel.reserve('api', 1, 1, gen_random_uuid(), 30)`,
  );
  expect(rows).toEqual([{ late: true }]);
});

test('a limit that is closed says so to whoever waits', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db, { rate: 0.001 });
  await budget.take();
  const waiting = budget.take().catch((error: Error) => error.message);
  await until(() => budget.waiting === 1, { what: 'it to wait' });
  await budget.close();
  expect(await waiting).toBe('the limit api is closed');
  await expect(budget.take()).rejects.toThrow('closed');
});

test('a refusal that one process meets stops what others have reserved', async () => {
  const db = await freshDatabase();
  const [one, two] = await Promise.all([budgetOn(db, { rate: 20 }), budgetOn(db, { rate: 20 })]);
  const heard: number[] = [];
  const notices = new Notices(db.url, createLog('quiet'), (name, ms) => {
    heard.push(ms);
    if (name === two.name) two.block(ms);
  });
  notices.start();
  onTestFinished(() => notices.stop());
  const listening = `select from pg_stat_activity where datname = current_database() and query = 'listen evenkeel_limit'`;
  await until(async () => (await db.sql(listening)).length > 0, { what: 'it to listen' });
  await db.sql(
    `select pg_notify('evenkeel_limit', x) from unnest(array['', '{}', '["api",-1]', '["api","x"]']) x`,
  );
  let sent = 0;
  const taking = Array.from({ length: 3 }, () => two.take().then(() => sent++));
  await taking[0];
  await one.heard({ refused: true, waitMs: 1_000 }, '429');
  await until(() => heard.length > 0, { what: 'the other to hear of it' });
  const before = sent;
  const [{ blocked }] = await db.sql(
    'select extract(epoch from blocked_until - clock_timestamp()) * 1000 as blocked from evenkeel.rate_limit',
  );
  // At once, and again as soon as it is written.
  expect([new Set(heard), Number(blocked) > 0 ? sent : before]).toEqual([new Set([1_000]), before]);
  await Promise.all(taking);
  // And it listens again where its connection was cut.
  const [{ pid }] = await db.sql(listening.replace('select', 'select pid'));
  await db.sql('select pg_terminate_backend($1)', [pid]);
  await until(async () => (await db.sql(`${listening} and pid <> $1`, [pid])).length > 0, {
    what: 'it to listen again',
  });
  await db.sql(`select pg_notify('evenkeel_limit', '["other",5]')`);
  await until(() => heard.includes(5), { what: 'it to hear again' });
});

const rates = async (db: FreshDatabase) =>
  (
    await db.sql(
      'select evenkeel.rate_in_force(l) as force, told_rate as told, found_rate as found from evenkeel.rate_limit l',
    )
  )[0] as { force: number; told: number | null; found: number | null };

test('a refusal may say what the limit is now; once it is more again, nothing waits for what came of less', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db);
  await budget.heard({ refused: true, waitMs: 0, quota: { units: 1, windowMs: 100_000 } }, '429');
  expect((await rates(db)).force).toBe(0.01);
  expect((await reserve(db, 5)).slots).toBe(1);
  expect((await reserve(db, 5)).wait_ms).toBeGreaterThan(90_000);
  await budget.heard({ refused: false, quota: { units: 100, windowMs: 1_000 } }, '200');
  const after = await reserve(db, 5);
  expect([after.slots, (after.first_ms ?? 0) < 12]).toEqual([5, true]);
});

test('an upstream that keeps less than it says: what it refuses counts, until it says more', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db);
  const quota = { units: 1_000, windowMs: 1_000 };
  await budget.heard({ refused: false, quota }, '200');
  await budget.heard({ refused: true, quota }, '429');
  await db.sql(
    `update evenkeel.rate_limit set refused_at = refused_at - interval '2 seconds', refused_from = refused_from - interval '2 seconds'`,
  );
  await budget.heard({ refused: true, quota }, '429');
  const { force, told } = await rates(db);
  expect(told).toBe(1000);
  expect(force).toBeGreaterThanOrEqual(500);
  expect(force).toBeLessThan(910);
  await budget.heard({ refused: false, quota: { units: 2_000, windowMs: 1_000 } }, '200');
  expect(await rates(db)).toEqual({ force: 2000, told: 2000, found: null });
});

test('a refusal that is chance takes nothing back that was regained', async () => {
  const db = await freshDatabase();
  await budgetOn(db);
  await db.sql(
    `update evenkeel.rate_limit set found_rate = 50, refused_at = clock_timestamp() - interval '20 seconds'`,
  );
  await db.sql(`select evenkeel.limit_blocks('api', null, '429', true)`);
  expect((await rates(db)).force).toBeGreaterThanOrEqual(60);
});

test('what was reserved and not sent before a refusal is nobody’s loss', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db, { rate: 1 });
  const used = async () =>
    Number((await db.sql('select sum(used) as used from evenkeel.rate_second'))[0].used);
  const began = performance.now();
  const taking = Array.from({ length: 2 }, () => budget.take());
  taking[1]?.catch(() => {});
  await taking[0];
  await until(async () => (await used()) === 2, { what: 'the second to be reserved' });
  await budget.heard({ refused: true, waitMs: 20_000 }, '429');
  // The one that was sent, and what has passed since: as it takes until the next is due.
  expect(await used()).toBeLessThanOrEqual(1 + (pace * (performance.now() - began)) / 1_000);
  const [{ ms }] = await db.sql(
    'select extract(epoch from tat - clock_timestamp())::float8 * 1000 as ms from evenkeel.rate_limit',
  );
  expect(ms).toBeLessThan(1_100);
});

const blocks = async (db: FreshDatabase, ms: number) =>
  (await db.sql(`select evenkeel.limit_blocks('api', $1, 'it refused', true) as ms`, [ms]))[0].ms as number;
const aheadMs = async (db: FreshDatabase) =>
  Number(
    (
      await db.sql(
        'select extract(epoch from tat - clock_timestamp())::float8 * 1000 as ms from evenkeel.rate_limit',
      )
    )[0].ms,
  );

test('after a wait all reserve anew, one behind the other from its end, whoever is late to hear of it', async () => {
  const db = await freshDatabase();
  await budgetOn(db);
  await reserve(db, 40);
  await reserve(db, 40);
  expect(await blocks(db, 300)).toBeCloseTo(300, 3);
  const one = await reserve(db, 20);
  const two = await reserve(db, 20);
  expect(one.first_ms).toBeGreaterThan(200);
  expect(one.first_ms).toBeLessThanOrEqual(300);
  // On the same clock, a few ms later.
  expect(two.first_ms).toBeLessThan((one.first_ms ?? 0) + 20 * two.gap_ms);
  expect(two.first_ms).toBeGreaterThan(20 * two.gap_ms);
  expect((await db.sql('select epoch::int from evenkeel.rate_limit'))[0]).toEqual({ epoch: 1 });
});

test('a wait gives back nothing that was used: a heavy request, a debt, or what programs were handed', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db);
  const anew = () =>
    db.sql(`update evenkeel.rate_limit set tat = '-infinity', blocked_until = null, run_to = null`);
  await reserve(db, 1, 500);
  await blocks(db, 1);
  expect(await aheadMs(db)).toBeGreaterThan(4_900);
  await anew();
  await reserve(db, 10);
  await budget.release({ weight: 1, lease: undefined }, 501);
  await blocks(db, 1);
  expect(await aheadMs(db)).toBeGreaterThan(4_900);
  await anew();
  await db.sql(`select from evenkeel.reserve('api', 40, 1, null, 0)`);
  await blocks(db, 1);
  expect(await aheadMs(db)).toBeGreaterThan(350);
  // And where it weighs more than a clock can count.
  await anew();
  await reserve(db, 1, 1e9);
  await blocks(db, 1);
  expect(await aheadMs(db)).toBeGreaterThan(1e6);
});

test('who isn’t told of a wait hears of it with what he reserves next, and sends nothing from before', async () => {
  const db = await freshDatabase();
  const { pool, budget } = await openBudget(db, { rate: 20 });
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
  let reserved = 0;
  let sent = 0;
  let before: number | undefined;
  Object.assign(pool, {
    query: async (...args: unknown[]) => {
      const fifth = String(args[0]).includes('evenkeel.reserve') && ++reserved === 5;
      if (fifth) await blocks(db, 900);
      const result = await query(...args);
      if (fifth) before = sent;
      return result;
    },
  });
  const taking = Array.from({ length: 8 }, () => budget.take().then(() => sent++));
  const known = await until(() => before, { what: 'it to be blocked' });
  // Those that it had reserved were due within a seventh of a second.
  const over = performance.now() + 300;
  await until(() => performance.now() > over, { what: 'a third of a second' });
  expect([known < 5, sent]).toEqual([true, known]);
  await Promise.all(taking);
});

test('what was on its way when a wait began is void; what was reserved since comes after it, and is kept', async () => {
  const db = await freshDatabase();
  const { pool, budget } = await openBudget(db, { burst: 100 });
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
  let reserved = 0;
  Object.assign(pool, {
    query: async (...args: unknown[]) => {
      if (!String(args[0]).includes('evenkeel.reserve')) return query(...args);
      const first = ++reserved === 1;
      const early = first ? await query(...args) : undefined;
      // Once between the reservation and its answer, once before it.
      if (reserved <= 2) budget.block(await blocks(db, 150), reserved);
      return early ?? query(...args);
    },
  });
  const began = performance.now();
  await budget.take();
  expect(performance.now() - began).toBeGreaterThan(145);
  expect(reserved).toBe(2);
});

test('a refusal stops this process even while the database can’t be written', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db, { rate: 50 });
  const other = await db.client();
  let sent = 0;
  const taking = Array.from({ length: 4 }, () => budget.take().then(() => sent++));
  await taking[0];
  await other.query('begin; select from evenkeel.rate_limit for update');
  const before = sent;
  const hearing = budget.heard({ refused: true, waitMs: 300 }, '429');
  // The others were due every twentieth of a second.
  const blocked = performance.now() + 250;
  await until(() => performance.now() > blocked, { what: 'a quarter of a second' });
  expect(sent).toBe(before);
  await other.query('commit');
  await Promise.all([hearing, ...taking]);
  expect(sent).toBe(4);
});

test('two at once never have more requests under way than are allowed', async () => {
  const db = await freshDatabase();
  await budgetOn(db, { concurrency: 3, rate: 1000 });
  const [one, two] = [await db.client(), await db.client()];
  const take = `select slots from evenkeel.reserve('api', 2, 1, gen_random_uuid(), 30)`;
  await one.query('begin');
  expect((await one.query(take)).rows).toEqual([{ slots: 2 }]);
  const pid = await pidOf(two);
  const taken = two.query(take);
  // Not counted before the first is done: each would see no lease of the other.
  await untilBlocked(db.pool, pid);
  await one.query('commit');
  expect((await taken).rows).toEqual([{ slots: 1 }]);
});

test('whatever upstreams say, in whatever order, nobody waits for longer than an hour', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db);
  const edge = fc.constantFrom(1e-9, 1, 1_000, 31 * 86_400_000, 1e9);
  const told: fc.Arbitrary<Told> = fc.record(
    {
      refused: fc.boolean(),
      waitMs: fc.constantFrom(0, 1, mostWaitMs),
      quota: fc.record({ units: edge, windowMs: edge }),
      left: fc.record(
        { units: fc.oneof(edge, fc.constant(0)), forMs: fc.constantFrom(0, 1, mostWaitMs) },
        { requiredKeys: ['units'] },
      ),
    },
    { requiredKeys: ['refused'] },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(told, { maxLength: 4 }), fc.constantFrom(1, 100), async (all, weight) => {
      for (const one of all) await budget.heard(one, 'x');
      await reserve(db, 10, weight);
      const { wait_ms } = await reserve(db, 10, weight);
      expect(wait_ms ?? 0).toBeLessThanOrEqual(mostWaitMs);
      const [row] = await db.sql(
        `select blocked_until <= clock_timestamp() + interval '1 hour' or blocked_until is null as sound, evenkeel.rate_in_force(l) as force from evenkeel.rate_limit l`,
      );
      expect(row.sound).toBe(true);
      expect(row.force).toBeGreaterThanOrEqual(1 / 3600);
      await db.sql(
        `update evenkeel.rate_limit set tat = '-infinity', blocked_until = null, found_rate = null`,
      );
    }),
    { numRuns: 60 },
  );
});

test('a process that was held up hears what came in meanwhile before it sends what was due', async () => {
  const db = await freshDatabase();
  const budget = await budgetOn(db, { rate: 4 });
  let heard = 0;
  const notices = new Notices(db.url, createLog('quiet'), (_, ms) => {
    heard++;
    budget.block(ms);
  });
  notices.start();
  onTestFinished(() => notices.stop());
  const listening = `select from pg_stat_activity where datname = current_database() and query = 'listen evenkeel_limit'`;
  await until(async () => (await db.sql(listening)).length > 0, { what: 'it to listen' });
  const other = await db.client();
  let sent = 0;
  const taking = Array.from({ length: 3 }, () => budget.take().then(() => sent++));
  await taking[0];
  const telling = other.query(`select evenkeel.limit_blocks('api', 20000, '429', true)`);
  await new Promise(setImmediate);
  const held = performance.now() + 500;
  while (performance.now() < held);
  await telling;
  await until(() => heard > 0, { what: 'it to hear' });
  expect(sent).toBe(1);
  for (const one of taking) one.catch(() => {});
});

/** The SQL door: programs claim violations, put them right and say so; the invariant decides. */
import { expect, onTestFinished, test } from 'vitest';
import { createPool } from '../../src/db/pool.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { until } from '../support/wait.ts';

const mail = (guard: string) => `-- evenkeel: broken
-- says: A paid order was mailed about
-- on: orders
-- heal: claim
-- mode: heal
-- guard: ${guard}
-- grace: 0s
select id, email from orders where paid and not mailed`;

async function scene(guard = 'none', n = 4) {
  const db = await freshDatabase();
  await db.sql(`create table orders (id int primary key, email text, paid bool default true, mailed bool default false);
    insert into orders select g, 'someone' || g || '@example.org' from generate_series(1, ${n}) g`);
  const keel = keelOn(db, { mail: mail(guard) });
  await keel.once();
  return { db, keel };
}

const claim = (db: Pick<FreshDatabase, 'sql'>, n = 1, lease = '5 minutes') =>
  db.sql(`select * from evenkeel.claim('mail', $1, $2::interval)`, [n, lease]);
const report = async (db: Pick<FreshDatabase, 'sql'>, id: unknown, outcome: string | null, why?: string) =>
  (await db.sql('select evenkeel.report($1, $2, $3) as said', [id, outcome, why ?? null]))[0].said as string;

test('each is handed out once, with what is needed to put it right', async () => {
  const { db } = await scene();
  const [one, two] = await Promise.all([claim(db, 3), claim(db, 3)]);
  expect([...one, ...two].map(({ key }) => key[0] as string).toSorted((a, b) => a.localeCompare(b))).toEqual([
    '1',
    '2',
    '3',
    '4',
  ]);
  expect(one[0]).toEqual({
    id: expect.any(String),
    key: [expect.any(String)],
    kind: 'broken',
    evidence: { email: expect.stringContaining('@example.org') },
    wanted: { email: expect.stringContaining('@example.org') },
    opened_at: expect.any(Date),
    attempt: 1,
  });
  expect(await claim(db)).toEqual([]);
});

test('what is reported done is asked again: gone, or handed out again', async () => {
  const { db, keel } = await scene();
  const engine = await keel.engine();
  onTestFinished(() => engine.stop());
  const [right, wrong] = await claim(db, 2);
  engine.start();
  await db.sql('update orders set mailed = true where id = $1', [right.key[0]]);
  expect(['it is asked again', 'it came right already']).toContain(await report(db, right.id, 'done'));
  expect(await report(db, wrong.id, 'done', 'sent')).toBe('it is asked again');
  await until(
    async () => (await db.sql('select from evenkeel.violation where id = $1', [right.id])).length === 0,
    { what: 'the right one to go' },
  );
  const [still] = await until(
    async () => {
      const rows = await db.sql(
        `select state, reason, claimed_by, due_at > clock_timestamp() - interval '1 minute' as later from evenkeel.violation where id = $1 and state = 'open'`,
        [wrong.id],
      );
      return rows.length > 0 ? rows : undefined;
    },
    { what: 'the other to be handed back' },
  );
  expect(still).toEqual({
    state: 'open',
    reason: 'reported done, and still so: sent',
    claimed_by: null,
    later: true,
  });
  expect(await report(db, right.id, 'done')).toBe('it came right already');
  expect(await report(db, wrong.id, 'done')).toBe('nobody claims it: it is open');
});

test('a failure waits longer each time, and the fifth goes to a person', async () => {
  const { db } = await scene('none', 1);
  for (let attempt = 1; attempt <= 5; attempt++) {
    const [one] = await claim(db);
    expect(one.attempt).toBe(attempt);
    expect(await report(db, one.id, 'failed', 'no such mailbox')).toBe('it is handed out again');
    const [{ s }] = await db.sql(
      'select extract(epoch from due_at - clock_timestamp()) as s from evenkeel.violation',
    );
    expect(Number(s)).toBeGreaterThan(0.7 * 4 ** (attempt - 1));
    await db.sql('update evenkeel.violation set due_at = clock_timestamp()');
  }
  expect(await claim(db)).toEqual([]);
  expect(await db.sql('select state, reason from evenkeel.violation')).toEqual([
    { state: 'parked', reason: 'it was handed out 5 times' },
  ]);
  expect(await db.sql(`select kind, text from evenkeel.alert where kind = 'parked'`)).toEqual([
    { kind: 'parked', text: 'mail: 1 parked: handed out 5 times' },
  ]);
});

test('what was said of a claim that is over keeps nothing back', async () => {
  const { db, keel } = await scene('none', 1);
  const [one] = await claim(db);
  await report(db, one.id, 'done');
  expect(await report(db, one.id, 'failed', 'it bounced')).toBe('it is handed out again');
  await db.sql('update evenkeel.violation set due_at = clock_timestamp()');
  const [two] = await claim(db);
  expect([two.id, two.attempt]).toEqual([one.id, 2]);
  // Reported, and then in a person's hands for a while.
  await report(db, two.id, 'done');
  await db.sql(`update evenkeel.violation set state = 'open', claimed_by = null, due_at = clock_timestamp()`);
  await keel.once();
  const [three] = await claim(db);
  expect([three.id, three.attempt]).toEqual([one.id, 3]);
  expect(await db.sql('select reported_at from evenkeel.violation')).toEqual([{ reported_at: null }]);
});

test('what a person approved stays approved when a program fails', async () => {
  const { db } = await scene('none', 1);
  await db.sql(
    `update evenkeel.invariant set mode = 'observe'; update evenkeel.violation set state = 'approved', decided_by = 'ana'`,
  );
  const [one] = await claim(db);
  await report(db, one.id, 'failed');
  await db.sql('update evenkeel.violation set due_at = clock_timestamp()');
  expect(await claim(db)).toHaveLength(1);
});

test('a program that died loses its claim when the lease runs out', async () => {
  const { db } = await scene('none', 1);
  const [one] = await claim(db, 1, '1 millisecond');
  const [two] = await until(
    async () => {
      const rows = await claim(db);
      return rows.length > 0 ? rows : undefined;
    },
    { what: 'the lease to run out' },
  );
  expect([two.id, two.attempt]).toEqual([one.id, 2]);
});

test('the brake, a hold, and the guard bind programs too', async () => {
  const { db } = await scene('2/hour');
  await db.sql('select evenkeel.stop()');
  expect(await claim(db)).toEqual([]);
  await db.sql('select evenkeel.start()');
  await db.sql('update evenkeel.invariant set held_at = now()');
  expect(await claim(db)).toEqual([]);
  await db.sql('update evenkeel.invariant set held_at = null');
  expect(await claim(db, 3)).toHaveLength(2);
  expect(await claim(db, 3)).toEqual([]);
  expect(await db.sql('select held_why from evenkeel.invariant')).toEqual([
    { held_why: 'its guard of 2/hour is used up' },
  ]);
});

test('under a limit no more is handed out than it lets through', async () => {
  const db = await freshDatabase();
  await db.sql(`create table orders (id int primary key, email text, paid bool default true, mailed bool default false);
    insert into orders select g from generate_series(1, 50) g`);
  const limited = mail('none').replace('heal: claim', 'heal: claim limit mailgun 10/s');
  await keelOn(db, { mail: limited }).once();
  const [one, two] = [await claim(db, 40), await claim(db, 40)];
  // A second's worth, at a little less than the rate, and what came due since.
  expect(one.length).toBeGreaterThanOrEqual(9);
  expect(one.length).toBeLessThanOrEqual(11);
  expect(two.length).toBeLessThanOrEqual(2);
  await db.sql(`select evenkeel.limit_blocks('mailgun', 60000, 'it refused', true)`);
  expect(await claim(db, 40)).toEqual([]);
});

test('healers leave it to programs, and a look while it is claimed lets nobody else in', async () => {
  const { db, keel } = await scene('none', 1);
  const [one] = await claim(db);
  await db.sql(`update orders set email = 'new@example.org'`);
  await keel.once();
  expect(await claim(db)).toEqual([]);
  expect(await db.sql('select state, evidence from evenkeel.violation')).toEqual([
    { state: 'claimed', evidence: { email: 'new@example.org' } },
  ]);
  await db.sql('update orders set mailed = true');
  await keel.once();
  expect(await report(db, one.id, 'done')).toBe('it came right already');
});

test('a role needs nothing but the two functions', async () => {
  const { db } = await scene('none', 1);
  const role = `program_${db.name}`.slice(0, 60);
  await db.sql(`create role "${role}" login password 'x'; grant usage on schema evenkeel to "${role}";
    grant execute on function evenkeel.claim, evenkeel.report to "${role}"`);
  const url = new URL(db.url);
  url.username = role;
  url.password = 'x';
  const pool = createPool(url.href, 1);
  onTestFinished(async () => {
    await pool.end();
    await db.sql(`drop owned by "${role}"; drop role "${role}"`);
  });
  const sql = async (text: string, values?: unknown[]) => (await pool.query(text, values)).rows;
  const [one] = await claim({ sql });
  expect(await report({ sql }, one.id, 'failed', 'x'.repeat(5000))).toBe('it is handed out again');
  expect(await db.sql('select length(reason) as n from evenkeel.violation')).toEqual([{ n: 1000 }]);
  await expect(sql('select from evenkeel.violation')).rejects.toThrow('permission denied');
});

test.each([
  [`select * from evenkeel.claim('nope')`, /no invariant nope/],
  [`select * from evenkeel.claim('mail', 0)`, /at least one/],
  [`select * from evenkeel.claim('mail', 1, '-1 s')`, /for some time/],
  [`select evenkeel.report(1, 'perhaps')`, /'done' or 'failed'/],
  [`select evenkeel.report(1, null)`, /'done' or 'failed'/],
])('%s is refused', async (text, why) => {
  const { db } = await scene('none', 1);
  await expect(db.sql(text)).rejects.toThrow(why);
  await db.sql(`update evenkeel.invariant set heal = 'set'`);
  await expect(db.sql(`select * from evenkeel.claim('mail')`)).rejects.toThrow(/healed otherwise/);
});

/** What a person is told by webhook: grouped, retried until it arrives, never twice, and no row's value in it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { raiseOverdue } from '../../src/alerts/overdue.ts';
import { raise } from '../../src/alerts/raise.ts';
import { sendAlerts } from '../../src/alerts/send.ts';
import { migrate } from '../../src/db/migrate.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { makeDue, stageOn } from '../support/stage.ts';
import { until } from '../support/wait.ts';

interface Webhook {
  readonly alertUrl: string;
  /** Bodies as they came, those that were refused included. */
  readonly messages: string[];
  /** What it answers from now on. */
  answer: (response: ServerResponse) => void;
}

/** As Slack has it: POST of {"text": …}, answered with ok. */
async function webhook(): Promise<Webhook> {
  const ok = (response: ServerResponse) => void response.end('ok');
  const server = createServer((request, response) => void take(request, response));
  const hook = { alertUrl: '', messages: [] as string[], answer: ok };
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += part as string;
    expect([request.method, request.headers['content-type']]).toEqual(['POST', 'application/json']);
    hook.messages.push((JSON.parse(body) as { text: string }).text);
    hook.answer(response);
  }
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  hook.alertUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/T0/B0/secret`;
  return hook;
}

async function empty(): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await migrate(db.pool);
  return db;
}

const tryNow = (db: FreshDatabase) => db.sql('update evenkeel.alert set next_try_at = clock_timestamp()');
const unsent = async (db: FreshDatabase) =>
  (await db.sql('select from evenkeel.alert where sent_at is null')).length;

const rule = (query: string) => `-- evenkeel: should
-- says: b is twice a
-- on: t
-- heal: set
-- mode: heal
-- grace: 0s
${query}`;

test('a flood is one message, sent once by the process that runs', async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int, b int);
    insert into t select g, g, 4711 from generate_series(1, 300) g; analyze`);
  const hook = await webhook();
  const engine = await keelOn(
    db,
    { it: rule('select id, 2 * a as b from t') },
    { EVENKEEL_ALERT_URL: hook.alertUrl, EVENKEEL_SWEEP_PAUSE: '0s' },
  ).engine();
  engine.start();
  await until(() => hook.messages.length > 0, { what: 'a message' });
  const passes = async () => Number((await db.sql('select passes from evenkeel.invariant'))[0].passes);
  const then = await passes();
  await until(async () => (await passes()) > then + 3, { what: 'three more passes over the same flood' });
  await engine.stop();
  expect(hook.messages).toEqual([
    expect.stringMatching(/^Evenkeel\n• it is held: 300 rows became broken within ten minutes, [^\n]*$/),
  ]);
  expect(hook.messages[0]).not.toContain('4711');
  expect(await unsent(db)).toBe(0);
});

test('`up --once` tells before it ends', async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int, b int);
    insert into t select g, g, 0 from generate_series(1, 300) g; analyze`);
  const hook = await webhook();
  const files = { it: rule('select id, 2 * a as b from t') };
  await keelOn(db, files, { EVENKEEL_ALERT_URL: hook.alertUrl }).once();
  expect(hook.messages).toHaveLength(1);
});

test('a pass whose message can’t be delivered is complete all the same, and it is sent by the next', async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int, b int);
    insert into t select g, g, 0 from generate_series(1, 300) g; analyze`);
  const hook = await webhook();
  hook.answer = response => void response.writeHead(500).end();
  const keel = keelOn(
    db,
    { it: rule('select id, 2 * a as b from t') },
    { EVENKEEL_ALERT_URL: hook.alertUrl },
  );
  await keel.once();
  expect(await db.sql('select from evenkeel.process')).toEqual([]);
  hook.answer = response => void response.end();
  await tryNow(db);
  await keel.once();
  expect(hook.messages).toHaveLength(2);
  expect(await unsent(db)).toBe(0);
});

test('all that waits goes into one message; past twenty they are counted', async () => {
  const db = await empty();
  const hook = await webhook();
  for (let i = 1; i <= 25; i++) await raise(db.pool, 'parked', `rule-${i}`, `rule-${i}: 1 parked`);
  await sendAlerts(db.pool, hook);
  await sendAlerts(db.pool, hook);
  expect(hook.messages).toHaveLength(1);
  const lines = hook.messages[0]!.split('\n');
  expect(lines).toHaveLength(22);
  expect([lines[0], lines[1], lines.at(-1)]).toEqual([
    'Evenkeel',
    '• rule-1: 1 parked',
    '… and 5 more: `evenkeel status`',
  ]);
});

test('what was answered with 500 is sent again later, with growing pauses, and after success never', async () => {
  const db = await empty();
  const hook = await webhook();
  hook.answer = response => void response.writeHead(500).end('no');
  await raise(db.pool, 'held', 'it', 'it is held: a test');
  const pauses: number[] = [];
  for (let i = 0; i < 3; i++) {
    await expect(sendAlerts(db.pool, hook)).rejects.toThrow('the alert webhook answered 500');
    const [row] = await db.sql(
      'select extract(epoch from next_try_at - clock_timestamp())::float8 as pause from evenkeel.alert',
    );
    pauses.push(row.pause);
    // Not before its time.
    await sendAlerts(db.pool, hook);
    await tryNow(db);
  }
  expect(hook.messages).toHaveLength(3);
  expect(pauses[0]).toBeGreaterThan(0);
  expect(pauses[1]).toBeGreaterThan(pauses[0]!);
  expect(pauses[2]).toBeGreaterThan(pauses[1]!);
  hook.answer = response => void response.end('ok');
  for (let i = 0; i < 3; i++) {
    await sendAlerts(db.pool, hook);
    await tryNow(db);
  }
  expect(hook.messages).toHaveLength(4);
  expect(new Set(hook.messages)).toEqual(new Set(['Evenkeel\n• it is held: a test']));
});

test.each([
  ['hangs up', (response: ServerResponse) => void response.destroy()],
  ['sends elsewhere', (response: ServerResponse) => void response.writeHead(302, { location: '/' }).end()],
])('a webhook that %s keeps the message waiting, and its URL out of the error', async (_, answer) => {
  const db = await empty();
  const hook = await webhook();
  hook.answer = answer;
  await raise(db.pool, 'held', 'it', 'it is held: a test');
  const error = await sendAlerts(db.pool, hook).catch((one: unknown) => one);
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).message).not.toContain('secret');
  expect(await unsent(db)).toBe(1);
});

test('several processes send a message once', async () => {
  const db = await empty();
  const hook = await webhook();
  for (let i = 0; i < 40; i++) await raise(db.pool, 'parked', `rule-${i}`, `rule-${i}: 1 parked`);
  await Promise.all(Array.from({ length: 8 }, () => sendAlerts(db.pool, hook)));
  // Split among them perhaps, but each in one message only.
  const said = hook.messages.map(text =>
    text.match(/\d+ more/) ? Number(/(\d+) more/.exec(text)![1]) + 20 : text.split('\n').length - 1,
  );
  expect(said.reduce((sum, n) => sum + n, 0)).toBe(40);
  expect(await unsent(db)).toBe(0);
});

test('a message goes out only if what it tells of was committed', async () => {
  const db = await empty();
  const hook = await webhook();
  const tx = await db.pool.connect();
  await tx.query('begin');
  await raise(tx, 'held', 'it', 'it is held: a test');
  await sendAlerts(db.pool, hook);
  expect(hook.messages).toEqual([]);
  await tx.query('rollback');
  tx.release();
  await sendAlerts(db.pool, hook);
  expect(hook.messages).toEqual([]);
});

test('the reason of a parked row comes without the values that Postgres shows in it', async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int, b int, email text unique);
    insert into t values (1, 1, 0, 'ann@example.com'), (2, 2, 4, 'bob@example.com');
    create function copy() returns trigger language plpgsql as $$ begin
      new.email := 'bob@example.com'; return new; end $$;
    create trigger copy before update on t for each row execute function copy();
    analyze`);
  const hook = await webhook();
  const stage = await stageOn(db, { it: rule('select id, 2 * a as b from t') });
  await stage.sweep();
  for (let i = 0; i < 5; i++) {
    await stage.heal('it');
    await makeDue(db);
  }
  await sendAlerts(db.pool, hook);
  expect(hook.messages).toEqual([
    'Evenkeel\n• it: 1 parked: duplicate key value violates unique constraint "t_email_key" (23505)',
  ]);
});

test('a sweep that is overdue is told once a day', async () => {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key, a int, b int)');
  await keelOn(db, { it: rule('select id, 2 * a as b from t') }).once();
  const hook = await webhook();
  await raiseOverdue(db.pool);
  await sendAlerts(db.pool, hook);
  expect(hook.messages).toEqual([]);
  await db.sql(`update evenkeel.invariant set proved_at = proved_at - interval '1 hour',
    next_pass_at = next_pass_at - interval '1 hour'`);
  for (let i = 0; i < 3; i++) {
    await raiseOverdue(db.pool);
    await sendAlerts(db.pool, hook);
  }
  expect(hook.messages).toEqual([expect.stringMatching(/^Evenkeel\n• it: no sweep was completed since /)]);
  await db.sql(`update evenkeel.alert set at = at - interval '25 hours'`);
  await raiseOverdue(db.pool);
  await sendAlerts(db.pool, hook);
  expect(hook.messages).toHaveLength(2);
});

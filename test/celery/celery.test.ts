/** What can go wrong between Evenkeel and Celery's workers. Nothing is lost, and nothing is done twice but what a key absorbs. */
import { expect, onTestFinished, test } from 'vitest';
import { type CeleryOptions, celery } from '../../src/declare/celery.ts';
import { invariant } from '../../src/declare/invariant.ts';
import { limit } from '../../src/declare/limit.ts';
import { sql } from '../../src/declare/sql.ts';
import { freePort } from '../../src/db/embedded.ts';
import { EvenkeelError } from '../../src/errors.ts';
import { type Server, celeryWorker, rabbitmq, redis } from '../support/brokers.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/wait.ts';

const receipts = (
  options: CeleryOptions = {},
  task = 'shop.send_receipt',
  guard: 'none' | '3/hour' = 'none',
) =>
  invariant('receipt', {
    says: 'A paid order has its receipt',
    on: 'orders',
    broken: sql`select id, email from orders where receipt_sent_at is null`,
    heal: celery(task, { args: ['id', 'email'], queue: 'mail', ...options }),
    mode: 'heal',
    guard,
    grace: '0s',
  });

async function shop(n: number): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`create table orders (id int primary key, email text not null, receipt_sent_at timestamptz);
    create table outbox (idempotency_key text primary key, order_id int, email text);
    insert into orders select g, g || '@example.org' from generate_series(1, ${n}) g`);
  return db;
}

const sent = async (db: FreshDatabase) =>
  (await db.sql('select count(*)::int as n from orders where receipt_sent_at is not null'))[0].n as number;
const ledger = (db: FreshDatabase) =>
  db.sql('select key[1]::int as id, state, reason, claims, claimed_by from evenkeel.violation order by 1');
const dueNow = (db: FreshDatabase) => db.sql('update evenkeel.violation set due_at = clock_timestamp()');

/** A started engine, stopped in the end. */
async function running(db: FreshDatabase, one: ReturnType<typeof receipts>, broker: string) {
  const engine = await keelOn(db, [one], { EVENKEEL_BROKER_URL: broker }).engine();
  onTestFinished(() => engine.stop());
  engine.start();
  return engine;
}

test('without a broker it says so at once', async () => {
  const db = await shop(1);
  await expect(keelOn(db, [receipts()]).once()).rejects.toThrow(EvenkeelError);
  await expect(keelOn(db, [receipts()]).once()).rejects.toMatchObject({ code: 'no-broker' });
  // Where nothing may be written, there is nothing to hand over.
  await keelOn(db, [receipts()], { EVENKEEL_MODE: 'observe' }).once();
});

test.each(['redis', 'amqp'])(
  'a broker that is not there (%s): a reason, and no attempt is spent',
  async protocol => {
    const db = await shop(2);
    await keelOn(db, [receipts()], {
      EVENKEEL_BROKER_URL: `${protocol}://127.0.0.1:${await freePort()}`,
    }).once();
    expect(await ledger(db)).toEqual(
      [1, 2].map(id => ({
        id,
        state: 'open',
        reason: expect.stringMatching(/^it can't be handed to Celery: .*(ECONNREFUSED|Connection is closed)/),
        claims: 0,
        claimed_by: null,
      })),
    );
  },
);

const brokers = { redis, rabbitmq } as const;
for (const name of ['redis', 'rabbitmq'] as const) {
  requires(name, 'celery')(`over ${name}`, () => {
    const start: () => Promise<Server> = brokers[name];

    test(
      'a worker and a broker that die, or are stopped for a while: everything is done, once',
      { timeout: 180_000 },
      async () => {
        const broker = await start();
        const db = await shop(300);
        const worker = await celeryWorker(broker.url, db.url);
        await running(db, receipts({ within: '10s', limit: limit('mail', { rate: '200/s' }) }), broker.url);
        await until(async () => (await sent(db)) > 20, { what: 'some' });
        await worker.kill();
        const before = await sent(db);
        await worker.start();
        await until(async () => (await sent(db)) > before, { what: 'more', timeoutMs: 30_000 });
        await broker.kill();
        await broker.start();
        // Stopped as they stand, first who works, then who carries: what is handed over meanwhile arrives when they go on.
        for (const [i, stopped] of [worker, broker].entries()) {
          const first = 301 + 20 * i;
          stopped.pause();
          await db.sql(
            `insert into orders select g, g || '@example.org' from generate_series($1::int, $1 + 19) g`,
            [first],
          );
          const taken = `select from evenkeel.violation where state = 'claimed' and key[1]::int >= $1`;
          await until(async () => (await db.sql(taken, [first])).length > 0, {
            what: 'some to be taken',
            timeoutMs: 60_000,
          });
          stopped.resume();
        }
        await until(async () => (await sent(db)) === 340, { what: 'all receipts', timeoutMs: 60_000 });
        await until(async () => (await ledger(db)).length === 0, {
          what: 'an empty ledger',
          timeoutMs: 60_000,
        });
        expect(
          await db.sql('select count(*)::int as n, count(distinct order_id)::int as orders from outbox'),
        ).toEqual([{ n: 340, orders: 340 }]);
      },
    );

    test('a task that nobody knows: the worker lives, and a person is told', async () => {
      const broker = await start();
      const db = await shop(2);
      const worker = await celeryWorker(broker.url, db.url);
      const one = receipts({ within: '1s' }, 'shop.nobody_knows');
      const keel = keelOn(db, [one], { EVENKEEL_BROKER_URL: broker.url });
      for (let i = 0; i < 6; i++) {
        await keel.once();
        await dueNow(db);
      }
      expect(await ledger(db)).toEqual(
        [1, 2].map(id => ({
          id,
          state: 'parked',
          reason:
            'shop.nobody_knows was handed to Celery 5 times, and it is still so: is there a worker that knows it, on the queue mail?',
          claims: 0,
          claimed_by: null,
        })),
      );
      expect(await db.sql(`select text from evenkeel.alert where kind = 'parked'`)).toMatchObject([
        { text: expect.stringContaining('receipt: 2 parked: shop.nobody_knows was handed') },
      ]);
      // The same worker goes on.
      await db.sql('delete from evenkeel.violation');
      await keelOn(db, [receipts()], { EVENKEEL_BROKER_URL: broker.url }).once();
      await until(async () => (await sent(db)) === 2, {
        what: 'receipts by the same worker',
        timeoutMs: 30_000,
      });
      expect(worker.said()).toContain('unregistered task');
    });
  });
}

requires('rabbitmq')('RabbitMQ', () => {
  test('a queue that is not there: a reason on the violation, and the rest goes on', async () => {
    const { url } = await rabbitmq();
    const db = await shop(1);
    await keelOn(db, [receipts({ queue: 'nowhere' })], { EVENKEEL_BROKER_URL: url }).once();
    expect(await ledger(db)).toMatchObject([
      { state: 'open', reason: "it can't be handed to Celery: there is no queue nowhere", claims: 0 },
    ]);
  });
});

requires('rabbitmq')('RabbitMQ', () => {
  const channelOn = async (url: string) => {
    const { connect } = await import('amqplib');
    const connection = await connect(url);
    onTestFinished(() => connection.close());
    return connection.createChannel();
  };

  test('a queue that is not there holds nobody else up', async () => {
    const { url } = await rabbitmq();
    const channel = await channelOn(url);
    await channel.assertQueue('mail');
    // More than go out at once.
    const db = await shop(1_200);
    await db.sql('create table bills (id int primary key); insert into bills select generate_series(1, 3)');
    const bill = invariant('bill', {
      says: 'There is none',
      on: 'bills',
      broken: sql`select id from bills`,
      heal: celery('shop.bill', { queue: 'nowhere' }),
      mode: 'heal',
      guard: 'none',
      grace: '0s',
    });
    await keelOn(db, [bill, receipts()], { EVENKEEL_BROKER_URL: url }).once();
    expect((await channel.checkQueue('mail')).messageCount).toBe(1_200);
    expect(
      await db.sql(
        `select invariant, state, claims, reason, count(*)::int as n from evenkeel.violation group by 1, 2, 3, 4 order by 1`,
      ),
    ).toEqual([
      {
        invariant: 'bill',
        state: 'open',
        claims: 0,
        reason: "it can't be handed to Celery: there is no queue nowhere",
        n: 3,
      },
      { invariant: 'receipt', state: 'claimed', claims: 1, reason: null, n: 1_200 },
    ]);
  });

  test('of priorities the higher goes first', async () => {
    const { url } = await rabbitmq();
    const channel = await channelOn(url);
    await channel.assertQueue('mail', { maxPriority: 9 });
    const db = await shop(2);
    for (const priority of [1, 9]) {
      const one = receipts({ priority });
      await keelOn(db, [one], { EVENKEEL_BROKER_URL: url }).once();
      await db.sql('delete from evenkeel.violation');
    }
    const got: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const message = await channel.get('mail', { noAck: true });
      got.push(message && message.properties.priority);
      if (message) {
        // What Celery's workers go by.
        expect(message.properties).toMatchObject({
          contentType: 'application/json',
          contentEncoding: 'utf-8',
          deliveryMode: 2,
          headers: { task: 'shop.send_receipt', eta: null, lang: 'py' },
        });
        expect(message.properties.correlationId).toBe(message.properties.headers?.['id']);
      }
    }
    expect(got).toEqual([9, 9, 1, 1]);
  });
});

requires('redis')('Redis', () => {
  const tasks = async (url: string, key = 'mail') => {
    const { Redis } = await import('ioredis');
    const client = new Redis(url);
    onTestFinished(() => client.disconnect());
    return (await client.lrange(key, 0, -1)).map(
      text => JSON.parse(text) as { headers: { id: string; task: string }; properties: { priority: number } },
    );
  };

  test('what is handed over belongs to the worker for `within`, and is handed over again then', async () => {
    const { url } = await redis();
    const db = await shop(1);
    const keel = keelOn(db, [receipts({ within: '10m' })], { EVENKEEL_BROKER_URL: url });
    await keel.once();
    await keel.once();
    const [first, ...more] = await tasks(url);
    expect(more).toEqual([]);
    expect(await ledger(db)).toMatchObject([{ state: 'claimed', claims: 1, claimed_by: 'celery' }]);
    expect(
      await db.sql(
        `select extract(epoch from due_at - clock_timestamp()) between 590 and 600 as waits from evenkeel.violation`,
      ),
    ).toEqual([{ waits: true }]);
    await dueNow(db);
    await keel.once();
    const again = await tasks(url);
    expect(again).toHaveLength(2);
    expect(again[0]?.headers.id).not.toBe(first?.headers.id);
    // What came right is asked, not handed over.
    await db.sql('update orders set receipt_sent_at = now()');
    await dueNow(db);
    await keel.once();
    expect(await ledger(db)).toEqual([]);
    expect(await tasks(url)).toHaveLength(2);
  });

  test('priorities are lists of their own, and a prefix goes before all', async () => {
    const { url } = await redis();
    const db = await shop(1);
    await keelOn(db, [receipts({ priority: 7 })], {
      EVENKEEL_BROKER_URL: `${url}?global_keyprefix=app:`,
    }).once();
    const [task] = await tasks(url, 'app:mail\u0006\u00166');
    expect(task?.properties.priority).toBe(7);
  });

  test('the guard counts what is handed over', async () => {
    const { url } = await redis();
    const db = await shop(10);
    await keelOn(db, [receipts({}, 'shop.send_receipt', '3/hour')], { EVENKEEL_BROKER_URL: url }).once();
    expect(await tasks(url)).toHaveLength(3);
    expect(await db.sql('select held_why from evenkeel.invariant')).toEqual([
      { held_why: 'its guard of 3/hour is used up' },
    ]);
  });

  test('no more is handed over than the limit lets through', async () => {
    const { url } = await redis();
    const db = await shop(40);
    const began = performance.now();
    await keelOn(db, [receipts({ limit: limit('mail', { rate: '20/s' }) })], {
      EVENKEEL_BROKER_URL: url,
    }).once();
    expect(await tasks(url)).toHaveLength(40);
    // 39 gaps of a twentieth of a second: that they were kept is what counts, not how long more it took.
    expect(performance.now() - began).toBeGreaterThan((39 / 20) * 1_000 * 0.9);
  });
});

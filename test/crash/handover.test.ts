/** A process that dies while it hands violations to Celery: nothing is lost, and nothing is done twice but what a key absorbs. */
import { expect, test } from 'vitest';
import { folder, start } from '../cli/run.ts';
import { celeryWorker, redis } from '../support/brokers.ts';
import { freshDatabase } from '../support/database.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/wait.ts';

const orders = 200;

requires('redis', 'celery')('handing over', () => {
  test('kill -9 and SIGSTOP of those who hand over', { timeout: 180_000 }, async () => {
    const broker = await redis();
    const db = await freshDatabase();
    await db.sql(`create table orders (id int primary key, email text not null, receipt_sent_at timestamptz);
      create table outbox (idempotency_key text primary key, order_id int, email text);
      insert into orders select g, g || '@example.org' from generate_series(1, ${orders}) g`);
    await celeryWorker(broker.url, db.url);
    const cwd = await folder({
      'receipt.sql': `-- evenkeel: broken
-- says: A paid order has its receipt
-- on: orders
-- heal: celery shop.send_receipt(id, email) on mail limit mail 60/s within 10s
-- mode: heal
-- guard: none
-- grace: 0s
select id, email from orders where receipt_sent_at is null`,
    });
    const env = { EVENKEEL_CAPTURE: 'sweeps', EVENKEEL_BROKER_URL: broker.url };
    const up = () => start({ url: db.url, cwd, env }, 'up', '--invariants', 'invariants');
    const sent = async () =>
      (await db.sql('select count(receipt_sent_at)::int as n from orders'))[0].n as number;
    const [killed, stopped] = [await up(), await up()];
    await up();
    await until(async () => (await sent()) > 40, { what: 'forty', timeoutMs: 60_000 });
    killed.process.kill('SIGKILL');
    stopped.process.kill('SIGSTOP');
    const then = await sent();
    await until(async () => (await sent()) > then + 40, { what: 'forty more', timeoutMs: 60_000 });
    stopped.process.kill('SIGCONT');
    await until(async () => (await sent()) === orders, { what: 'all', timeoutMs: 60_000 });
    await until(async () => (await db.sql('select from evenkeel.violation')).length === 0, {
      what: 'an empty ledger',
      timeoutMs: 60_000,
    });
    expect(
      await db.sql('select count(*)::int as n, count(distinct order_id)::int as orders from outbox'),
    ).toEqual([{ n: orders, orders }]);
  });
});

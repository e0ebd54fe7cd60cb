/** The example's own tasks, in real Celery workers, over each broker. */
import { expect, onTestFinished, test } from 'vitest';
import { type Server, celeryWorker, rabbitmq, redis } from '../support/brokers.ts';
import { keelOn } from '../support/keel.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/wait.ts';
import { load } from './example.ts';

async function healed(broker: () => Promise<Server>) {
  const { url } = await broker();
  const { db, invariants } = await load('celery');
  await celeryWorker(url, db.url);
  const engine = await keelOn(db, invariants, { EVENKEEL_BROKER_URL: url }).engine();
  onTestFinished(() => engine.stop());
  engine.start();
  await until(
    async () =>
      // Of both invariants: the one may be done before the other's violations are found.
      (await db.sql('select from invoices')).length === 3 &&
      (await db.sql('select from outbox')).length === 2 &&
      (await db.sql(`select from evenkeel.violation`)).length === 0,
    { what: 'receipts and invoices', timeoutMs: 30_000 },
  );
  return db;
}

requires('redis', 'celery')('examples/celery over Redis', () => {
  test('receipts are sent and invoices made', async () => {
    const db = await healed(redis);
    expect(await db.sql('select order_id, email from outbox order by 1')).toEqual([
      { order_id: 2, email: 'ben@example.org' },
      { order_id: 4, email: 'dea@example.org' },
    ]);
    expect(await db.sql('select order_id, number from invoices order by 1')).toEqual([
      { order_id: 1, number: 'R-1' },
      { order_id: 2, number: 'R-2' },
      { order_id: 4, number: 'R-4' },
    ]);
    // Its key came through to the task.
    expect(await db.sql(`select bool_and(idempotency_key ~ '^[0-9a-f]{64}$') as ours from outbox`)).toEqual([
      { ours: true },
    ]);
    expect(await db.sql(`select name, limit_name from evenkeel.invariant order by 1`)).toEqual([
      { name: 'invoice', limit_name: null },
      { name: 'receipt', limit_name: 'mailgun' },
    ]);
  });
});
requires('rabbitmq', 'celery')('examples/celery over RabbitMQ', () => {
  test('receipts are sent and invoices made', async () => {
    const db = await healed(rabbitmq);
    expect(await db.sql('select order_id from outbox order by 1')).toEqual([
      { order_id: 2 },
      { order_id: 4 },
    ]);
  });
});

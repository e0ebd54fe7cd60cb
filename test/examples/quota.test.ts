/** The example against a real Redis. */
import { expect, onTestFinished, test } from 'vitest';
import { redis } from '../support/brokers.ts';
import { keelOn } from '../support/keel.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/wait.ts';
import { load } from './example.ts';

requires('redis')('examples/quota', () => {
  test('drifted and leaked counters come right, and an application that counts meanwhile wins', async () => {
    const server = await redis();
    const { url } = server;
    process.env['REDIS_URL'] = url;
    const { Redis } = await import('ioredis');
    const client = new Redis(url, { maxRetriesPerRequest: null });
    client.on('error', () => {});
    onTestFinished(() => client.disconnect());
    await client.mset({ 'quota:1': 2, 'quota:2': 5, 'quota:3': 1, 'other:1': 7 });
    const { db, invariants } = await load('quota');
    const keel = keelOn(db, invariants);
    await keel.once();
    await keel.once();
    const counters = async () =>
      Object.fromEntries(
        await Promise.all((await client.keys('*')).toSorted().map(async key => [key, await client.get(key)])),
      );
    expect(await counters()).toEqual({ 'other:1': '7', 'quota:1': '2', 'quota:2': '1' });
    expect(await db.sql('select key, value from quota order by key')).toEqual([
      { key: 'quota:1', value: '2' },
      { key: 'quota:2', value: '1' },
    ]);
    // It leaks again, and an application counts on after that was read: nothing is overwritten, and it comes right all the same.
    await client.set('quota:1', 9);
    await db.sql('select evenkeel.stop()');
    await keel.once();
    await client.incr('quota:1');
    await db.sql(`select evenkeel.start(); update evenkeel.mirror set next_at = 'infinity'`);
    const engine = await keel.engine();
    onTestFinished(() => engine.stop());
    engine.start();
    const comesRight = () =>
      until(async () => (await counters())['quota:1'] === '2', {
        what: 'the counter to come right',
        timeoutMs: 40_000,
      });
    await comesRight();
    // Redis is killed in the middle: nobody falls over, and it goes on when that is there again.
    await client.set('quota:1', 9);
    await server.kill();
    await db.sql(`update evenkeel.mirror set next_at = clock_timestamp()`);
    await until(async () => (await db.sql('select failed_why as why from evenkeel.mirror'))[0].why, {
      what: 'a reason why it is not read',
    });
    await server.start();
    await comesRight();
  });
});

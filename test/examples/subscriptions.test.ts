/** The example against its own API, over HTTP. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { keelOn } from '../support/keel.ts';
import { examples, load } from './example.ts';

interface Api {
  server: Server;
  subscriptions: Map<number, { id: number; plan: string; seats: number }>;
}

test('a table follows an HTTP API', async () => {
  const { server, subscriptions } = (await import(join(examples, 'subscriptions/api.mjs'))) as Api;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.env['BILLING_URL'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { db, invariants } = await load('subscriptions');
  const keel = keelOn(db, invariants);
  await keel.once();
  const table = () => db.sql('select id, customer, plan, seats from subscriptions order by id');
  expect(await table()).toEqual([
    { id: 1, customer: 'ana', plan: 'team', seats: 5 },
    { id: 2, customer: 'ben', plan: 'team', seats: 3 },
  ]);
  expect(await db.sql('select key, kind, state from evenkeel.violation')).toEqual([
    { key: ['4'], kind: 'missing', state: 'open' },
  ]);
  expect(await db.sql('select told_rate from evenkeel.rate_limit')).toEqual([{ told_rate: 20 }]);
  subscriptions.set(1, { id: 1, plan: 'free', seats: 1 });
  await keel.once();
  expect((await table())[0]).toMatchObject({ plan: 'free', seats: 1 });
});

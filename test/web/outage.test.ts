import { expect, test } from 'vitest';
import { freshCluster } from '../support/cluster.ts';
import { keelOn } from '../support/keel.ts';
import { until } from '../support/wait.ts';
import { serve } from './served.ts';

test('the database gone: the page says since when, and recovers by itself', async () => {
  const cluster = await freshCluster();
  const keel = keelOn(cluster, { none: '-- evenkeel: broken\n-- says: None\n-- on: pg_temp.none\nselect 1' });
  const web = await serve(cluster, keel.invariants);

  const before = await web.get('/');
  expect(before.status).toBe(503);
  expect(before.body).toContain('is not installed in this database');
  expect((await web.get('/readyz')).status).toBe(503);
  await keelOn(cluster, {}).once();
  await until(async () => (await web.get('/')).status === 200, { what: 'the overview' });
  expect((await web.get('/readyz')).status).toBe(200);
  expect((await web.get('/metrics')).body).toMatch(/^evenkeel_database_up 1$/m);

  await cluster.kill();
  await until(async () => (await web.get('/')).status === 503, { what: 'the page to know' });
  for (const path of ['/', '/journal', '/invariants/x', '/waiting']) {
    const { status, body } = await web.get(path);
    expect([path, status]).toEqual([path, 503]);
    expect(body).toMatch(/Since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
    expect(body).not.toContain('postgres://');
  }
  const since = async () => /Since ([^,]+),/.exec((await web.get('/')).body)?.[1];
  const first = await since();
  expect((await web.get('/healthz')).status).toBe(200);
  expect((await web.get('/readyz')).status).toBe(503);
  const metrics = await web.get('/metrics');
  expect(metrics.status).toBe(200);
  expect(metrics.body).toMatch(/^evenkeel_database_up 0$/m);
  // What isn't known is not zero.
  expect(metrics.body).not.toMatch(/^evenkeel_(?!database_up)\w+ /m);
  expect(await since()).toBe(first);

  await cluster.restart();
  await until(async () => (await web.get('/')).status === 200, { what: 'the overview to be back' });
  expect((await web.get('/metrics')).body).toMatch(/^evenkeel_database_up 1$/m);
});

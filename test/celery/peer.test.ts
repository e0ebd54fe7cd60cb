/** The clients of brokers are optional: where one is missing, it is named. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { built } from '../cli/run.ts';
import type * as Broker from '../../src/celery/broker.ts';

test.each([
  ['amqp://localhost', 'amqplib'],
  ['rediss://localhost', 'ioredis'],
])('%s without %s', async (url, name) => {
  await built();
  const dir = await mkdtemp(join(tmpdir(), 'evenkeel-peer-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  // Where no package is above it.
  await writeFile(join(dir, 'package.json'), '{ "type": "module" }');
  for (const path of ['celery', 'errors.js'])
    await cp(join(import.meta.dirname, '../../dist/src', path), join(dir, path), { recursive: true });
  const { brokerFor } = (await import(pathToFileURL(join(dir, 'celery/broker.js')).href)) as typeof Broker;
  await expect(brokerFor(url)).rejects.toMatchObject({
    code: 'no-client',
    message: `the package ${name} is not installed`,
    hint: `npm install ${name}`,
  });
});

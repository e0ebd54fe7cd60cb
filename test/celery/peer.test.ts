/** The clients of brokers are optional: where one is missing, it is named. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { built } from '../cli/run.ts';

test.each([
  ['amqp://localhost', 'amqplib'],
  ['rediss://localhost', 'ioredis'],
])('%s without %s', async (url, name) => {
  await built();
  const dir = await mkdtemp(join(tmpdir(), 'evenkeel-peer-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  // No package lies above it.
  await writeFile(join(dir, 'package.json'), '{ "type": "module" }');
  for (const path of ['celery', 'errors.js'])
    await cp(join(import.meta.dirname, '../../dist/src', path), join(dir, path), { recursive: true });
  await writeFile(
    join(dir, 'ask.js'),
    `import { brokerFor } from './celery/broker.js';
     await brokerFor(process.argv[2]).catch(({ code, message, hint }) => console.log(JSON.stringify({ code, message, hint })));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [join(dir, 'ask.js'), url]);
  expect(JSON.parse(stdout)).toEqual({
    code: 'no-client',
    message: `the package ${name} is not installed`,
    hint: `npm install ${name}`,
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { brokerFor } from '../../../src/celery/broker.ts';
import { messageOf } from '../../../src/celery/message.ts';
import { celery } from '../../../src/declare/celery.ts';
import type { Task } from '../process.ts';
import { ended } from './redis.ts';

/** Debian's, for Debian's own Python. */
export const hasCelery = (): boolean => existsSync('/usr/lib/python3/dist-packages/celery');

/** So many workers with a share of the limit each, and more tasks than they can send; gives what ends them. */
export async function startCelery(
  { redis = '', upstream, name, rate }: Omit<Task, 'share'>,
  count: number,
  seconds: number,
): Promise<() => Promise<void>> {
  const broker = await brokerFor(redis);
  const task = celery('limited.send', { queue: name });
  const tasks = Math.ceil(1.5 * rate * seconds);
  for (let i = 0; i < tasks; i += 500) {
    const sent = Array.from({ length: Math.min(500, tasks - i) }, (_, j) => {
      const key = String(i + j).padStart(64, '0');
      return broker.send(messageOf(task, () => ({ text: null, family: 25 }), [], key, 1));
    });
    await Promise.all(sent);
  }
  await broker.close();
  const args = ['-m', 'celery', '-A', 'limited', 'worker', '-Q', name, '-c', '2'];
  const workers = Array.from({ length: count }, () =>
    spawn('/usr/bin/python3', [...args, '-l', 'info', '--without-gossip', '--without-mingle', '--pidfile='], {
      cwd: 'bench/limits/peers',
      env: {
        // oxlint-disable-next-line node/no-process-env
        PATH: process.env['PATH'],
        C_FORCE_ROOT: '1',
        PYTHONDONTWRITEBYTECODE: '1',
        BROKER_URL: redis,
        UPSTREAM: upstream,
        RATE_LIMIT: `${rate / count}/s`,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  );
  await Promise.all(workers.map(ready));
  return async () => {
    await Promise.all(workers.map(ended));
  };
}

/** @throws where it ends, or isn't ready within half a minute */
async function ready(worker: ChildProcess): Promise<void> {
  let text = '';
  worker.stderr?.on('data', (chunk: Buffer) => {
    // Each task that is done is a line, too.
    if (text.length < 100_000) text += chunk.toString();
  });
  for (let i = 0; i < 600; i++) {
    if (text.includes(' ready.')) return;
    if (worker.exitCode !== null) break;
    await delay(50);
  }
  throw new Error(`no Celery worker: ${text.slice(-1_000)}`);
}

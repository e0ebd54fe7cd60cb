import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../../../src/db/embedded.ts';

export interface OwnRedis {
  readonly url: string;
  close(): Promise<void>;
}

const path = '/usr/bin/redis-server';

/** A Redis for peers that need one, which keeps nothing on disk; undefined: there is none on this machine. */
export async function openRedis(): Promise<OwnRedis | undefined> {
  if (!existsSync(path)) return undefined;
  const dir = await mkdtemp(join(tmpdir(), 'evenkeel-bench-'));
  const port = await freePort();
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  const server = spawn(path, args, { stdio: 'ignore' });
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on('error', () => {});
  await client.ping();
  client.disconnect();
  return {
    url: `redis://127.0.0.1:${port}/0`,
    close: async () => {
      await ended(server);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Asked to end; killed where it doesn't within five seconds. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  child.kill();
  const late = new AbortController();
  void delay(5_000, undefined, { signal: late.signal }).then(
    () => child.kill('SIGKILL'),
    () => {},
  );
  await over;
  late.abort();
}

import { setTimeout as delay } from 'node:timers/promises';
import { migrate } from '../../src/db/migrate.ts';
import type { Row } from '../report.ts';
import { type Stage, median } from '../stage.ts';
import { hasCelery, startCelery } from './peers/celery.ts';
import { openRedis } from './peers/redis.ts';
import { type Task, asked, end, forked, said, started, warmMs } from './process.ts';
import type { Counted, Order } from './upstream.ts';

const processes = 4;
const seconds = 15;

/** One way to keep to a limit: who sends, what it is told, and what the upstream says. */
interface Arm {
  readonly what: string;
  readonly file: string;
  /** Of the limit, as it is configured. */
  readonly configured: number;
  readonly says?: boolean;
  readonly needs?: 'redis' | 'celery';
}

const arms: readonly Arm[] = [
  { what: 'Evenkeel, its configuration says the limit', file: 'caller.js', configured: 1 },
  // Where it isn't known, half as much again is configured.
  { what: 'Evenkeel, headers say it', file: 'caller.js', configured: 1.5, says: true },
  { what: 'Evenkeel, nobody says it', file: 'caller.js', configured: 1.5 },
  { what: 'BullMQ, limiter', file: 'peers/bullmq.js', configured: 1, needs: 'redis' },
  {
    what: 'Bottleneck over Redis, minTime',
    file: 'peers/bottleneck.js',
    configured: 1,
    needs: 'redis',
  },
  { what: 'p-queue, strict, a quarter each', file: 'peers/p-queue.js', configured: 1 },
  { what: 'p-throttle, strict, a quarter each', file: 'peers/p-throttle.js', configured: 1 },
  {
    what: 'Celery, rate_limit, a quarter each',
    file: '',
    configured: 1,
    needs: 'celery',
  },
];

interface Kept {
  readonly kept: number;
  readonly refused: number;
}

/** Four processes under one limit, and an upstream that counts exactly: in turn Evenkeel and what others use. */
export async function benchLimits(stage: Stage, rounds: number, rate: number): Promise<Row[]> {
  await migrate(stage.pool);
  const redis = await openRedis();
  const runs = new Map<Arm, Kept[]>();
  try {
    for (let round = 0; round < rounds; round++) {
      for (const arm of arms) {
        if (arm.needs && (!redis || (arm.needs === 'celery' && !hasCelery()))) continue;
        const name = `limit-${round}-${arms.indexOf(arm)}`;
        const kept = await run(arm, rate, { database: stage.url, redis: redis?.url, name });
        runs.set(arm, [...(runs.get(arm) ?? []), kept]);
      }
    }
  } finally {
    await redis?.close();
  }
  const share = (all: readonly Kept[], of: keyof Kept, digits: number) =>
    `${(100 * median(all.map(one => one[of]))).toFixed(digits)} %`;
  return arms.map(arm => {
    const all = runs.get(arm);
    const value = all ? `${share(all, 'kept', 1)} · ${share(all, 'refused', 2)}` : 'not on this machine';
    return { what: `${arm.what}: used · refused`, value };
  });
}

async function run(
  { file, configured, says = false }: Arm,
  rate: number,
  given: Pick<Task, 'database' | 'redis' | 'name'>,
): Promise<Kept> {
  const upstream = forked('upstream.js', {});
  const { port } = await said<{ port: number }>(upstream);
  const order: Order = { rate, says };
  await asked(upstream, order);
  const task = {
    ...given,
    upstream: `http://127.0.0.1:${port}/`,
    rate: Math.round(configured * rate),
    // So many under way that an answer's way is never what is waited for.
    beside: Math.max(4, Math.ceil(rate / 10)),
  };
  const over = await begin(file, task);
  await delay(warmMs);
  await asked(upstream, order);
  await delay(1_000 * seconds);
  const { accepted, refused, ms } = await asked<Counted>(upstream, 'count');
  await over();
  await end(upstream);
  return { kept: (1_000 * accepted) / ms / rate, refused: refused / Math.max(1, accepted + refused) };
}

async function begin(file: string, task: Omit<Task, 'share'>): Promise<() => Promise<unknown>> {
  if (file === '') return startCelery(task, processes, seconds + warmMs / 1_000);
  if (file.includes('bullmq')) await fill(task, seconds + warmMs / 1_000);
  const children = await started(file, task, processes);
  return () => Promise.all(children.map(end));
}

/** More jobs than can be done. */
async function fill({ redis = '', name, rate }: Omit<Task, 'share'>, time: number): Promise<void> {
  const { Queue } = await import('bullmq');
  const { hostname: host, port } = new URL(redis);
  const queue = new Queue(name, { connection: { host, port: Number(port) } });
  const jobs = Math.ceil(2 * rate * time);
  for (let i = 0; i < jobs; i += 1_000)
    await queue.addBulk(
      Array.from({ length: Math.min(1_000, jobs - i) }, () => ({ name: 'send', data: {} })),
    );
  await queue.close();
}

/** BullMQ's limiter: one for the queue, whoever works on it. */
import { Worker } from 'bullmq';
import { task } from '../process.ts';
import { send } from './send.ts';

const { redis = '', upstream, name, rate, beside } = task();
const { hostname: host, port } = new URL(redis);
const worker = new Worker(name, () => send(upstream), {
  connection: { host, port: Number(port) },
  concurrency: beside,
  limiter: { max: rate, duration: 1_000 },
  removeOnComplete: { count: 0 },
});
worker.on('error', () => {});
await worker.waitUntilReady();
process.send?.('ready');

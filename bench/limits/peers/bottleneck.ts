/** Bottleneck over Redis, one request every 1/R: its reservoirs would allow two windows' worth at an edge. */
import Bottleneck from 'bottleneck';
import { Redis } from 'ioredis';
import { loops, task } from '../process.ts';
import { send } from './send.ts';

const { redis = '', upstream, name, rate, beside } = task();
const { hostname: host, port } = new URL(redis);
const limiter = new Bottleneck({
  id: name,
  datastore: 'ioredis',
  Redis,
  clientOptions: { host, port: Number(port) },
  minTime: 1_000 / rate,
});
limiter.on('error', () => {});
await limiter.ready();
await loops(beside, () => limiter.schedule(() => send(upstream)));

/** p-queue knows one process: each gets its share of the limit. `strict` is its sliding window. */
import PQueue from 'p-queue';
import { loops, task } from '../process.ts';
import { send } from './send.ts';

const { upstream, share, beside } = task();
const queue = new PQueue({ intervalCap: share, interval: 1_000, strict: true });
await loops(beside, () => queue.add(() => send(upstream)));

/** p-throttle knows one process: each gets its share of the limit. `strict` is its sliding window. */
import pThrottle from 'p-throttle';
import { loops, task } from '../process.ts';
import { send } from './send.ts';

const { upstream, share, beside } = task();
const throttled = pThrottle({ limit: share, interval: 1_000, strict: true })(() => send(upstream));
await loops(beside, throttled);

/** One of several processes that send as much as they may, each request as a handler's is. */
import { randomUUID } from 'node:crypto';
import { limit } from '../../src/declare/limit.ts';
import { createLog } from '../../src/log.ts';
import { createPool } from '../../src/db/pool.ts';
import { Budget } from '../../src/limits/budget.ts';
import { Notices } from '../../src/limits/notices.ts';
import { Errand } from '../../src/call/errand.ts';
import { type Task, loops, task } from './process.ts';

/** When requests were sent, and refusals arrived, on a clock that all processes of a machine share; ms. */
export interface Times {
  readonly sent: readonly number[];
  readonly refused: readonly number[];
}

const { database, upstream, name, rate, beside }: Task = task();
const pool = createPool(database, 3);
const budget = new Budget(pool, limit(name, { rate: `${rate}/s` }), randomUUID());
const notices = new Notices(database, createLog('quiet'), (of, ms, epoch) => {
  if (of === name) budget.block(ms, epoch);
});
notices.start();
await budget.declare();

const clock = () => Number(process.hrtime.bigint()) / 1e6;
let times: { sent: number[]; refused: number[] } = { sent: [], refused: [] };
const { fetch } = globalThis;
globalThis.fetch = async (...request) => {
  times.sent.push(clock());
  const response = await fetch(...request);
  if (response.status === 429) times.refused.push(clock());
  return response;
};
process.on('message', (message: 'times') => {
  if (message === 'times') process.send?.(times);
  times = { sent: [], refused: [] };
});

await loops(beside, async () => {
  const errand = new Errand(budget, 'common', randomUUID(), 30_000);
  try {
    await errand.fetch(upstream, { method: 'POST', body: '{}' });
  } catch {
    // Refused: its violation would come again. This one looks when it may.
    if (errand.refused)
      await new Promise(resolve => setTimeout(resolve, Math.min(1_000, errand.refused?.ms ?? 0)));
  } finally {
    await errand.close();
  }
});

/** One of several processes that take slots and send nothing. */
import { randomUUID } from 'node:crypto';
import { limit } from '../../src/declare/limit.ts';
import { createPool } from '../../src/db/pool.ts';
import { Budget } from '../../src/limits/budget.ts';
import { loops, task } from './process.ts';

const { database, name, rate, beside } = task();
const budget = new Budget(createPool(database, 3), limit(name, { rate: `${rate}/s` }), randomUUID());
await budget.declare();
let taken = 0;
process.on('message', () => process.send?.(taken));
await loops(beside, async () => {
  await budget.release(await budget.take());
  taken++;
});

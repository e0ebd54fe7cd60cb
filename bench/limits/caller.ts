/** One of several processes that send as much as they may, under one limit: `caller.js database upstream name rate dialect`. */
import { randomUUID } from 'node:crypto';
import { type Dialect, limit } from '../../src/declare/limit.ts';
import { createLog } from '../../src/log.ts';
import { createPool } from '../../src/db/pool.ts';
import { readAnswer } from '../../src/limits/answer.ts';
import { Budget } from '../../src/limits/budget.ts';
import { Notices } from '../../src/limits/notices.ts';

const [database = '', upstream = '', name = '', rate = '1', dialect = 'common'] = process.argv.slice(2);
const pool = createPool(database, 3);
const budget = new Budget(pool, limit(name, { rate: `${Number(rate)}/s` }), randomUUID());

async function send(): Promise<void> {
  for (;;) {
    const permit = await budget.take();
    const response = await fetch(upstream, { method: 'POST', body: '{}' });
    await response.arrayBuffer();
    const told = readAnswer(response, dialect as Dialect, Date.now());
    await budget.heard(told, String(response.status));
    await budget.release(permit);
  }
}

process.on('disconnect', () => process.exit());
const notices = new Notices(database, createLog('quiet'), (of, ms) => {
  if (of === name) budget.block(ms);
});
notices.start();
await budget.declare();
process.send?.('ready');
// So many under way that an answer's way is never what is waited for.
await Promise.all(
  Array.from({ length: Math.max(4, Math.ceil(Number(rate) / 20)) }, () => send().catch(() => {})),
);

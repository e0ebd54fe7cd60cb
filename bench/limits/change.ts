import { setTimeout as delay } from 'node:timers/promises';
import { migrate } from '../../src/db/migrate.ts';
import type { Row } from '../report.ts';
import { type Stage, median } from '../stage.ts';
import type { Times } from './caller.ts';
import { asked, end, forked, said, started, warmMs } from './process.ts';
import type { Order } from './upstream.ts';

const processes = 4;
const trials = 10;
const rates = [200, 1_000] as const;

/** An upstream that halves its limit without a word, again and again: who sends anything after it first refused? */
export async function benchChange(stage: Stage): Promise<Row[]> {
  await migrate(stage.pool);
  const rows: Row[] = [];
  for (const rate of rates) {
    const late = await run(stage, rate);
    const ms = (value: number) => value.toFixed(1);
    rows.push({
      what: `${rate}/s becomes ${rate / 2}/s: last request sent so long after the first 429, ms: median · most (of ${trials})`,
      value: `${ms(median(late))} · ${ms(Math.max(...late))}`,
    });
  }
  rows.push({ what: `slots reserved a second, ${processes} processes`, value: await slots(stage) });
  return rows;
}

/** How late the last request was, in each trial; ms. */
async function run(stage: Stage, rate: number): Promise<number[]> {
  const upstream = forked('upstream.js', {});
  const { port } = await said<{ port: number }>(upstream);
  const name = `change-${rate}`;
  const order = (of: number): Order => ({ rate: of, says: false, after: 1 });
  await asked(upstream, order(2 * rate));
  const callers = await started(
    'caller.js',
    {
      database: stage.url,
      redis: undefined,
      upstream: `http://127.0.0.1:${port}/`,
      name,
      rate,
      beside: Math.max(4, Math.ceil(rate / 10)),
    },
    processes,
  );
  const late: number[] = [];
  await delay(warmMs);
  for (let trial = 0; trial < trials; trial++) {
    await asked(upstream, order(2 * rate));
    // As if it had never refused.
    await stage.sql(
      `update evenkeel.rate_limit set found_rate = null, refused_at = null, blocked_until = null where name = '${name}'`,
    );
    await delay(2_000);
    await Promise.all(callers.map(caller => asked<Times>(caller, 'times')));
    await asked(upstream, order(rate / 2));
    await delay(1_000);
    const times = await Promise.all(callers.map(caller => asked<Times>(caller, 'times')));
    const first = Math.min(...times.flatMap(({ refused }) => refused));
    // It said to come again in a second.
    const after = times.flatMap(({ sent }) => sent).filter(at => at > first && at < first + 950);
    late.push(after.length === 0 ? 0 : Math.max(...after) - first);
  }
  await Promise.all([...callers, upstream].map(end));
  return late;
}

/** Of a limit that holds nobody up, by those who would send. */
async function slots(stage: Stage): Promise<string> {
  const task = { database: stage.url, redis: undefined, upstream: '', name: 'fast', rate: 1e6, beside: 500 };
  const takers = await started('taker.js', task, processes);
  await delay(1_000);
  const count = async () =>
    (await Promise.all(takers.map(taker => asked<number>(taker, 'count')))).reduce((sum, n) => sum + n, 0);
  const before = await count();
  const began = performance.now();
  await delay(5_000);
  const taken = (1_000 * ((await count()) - before)) / (performance.now() - began);
  await Promise.all(takers.map(end));
  return Math.round(taken).toLocaleString('en');
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Row } from '../report.ts';
import { type Stage, median, openStage } from '../stage.ts';
import { asked, end, forked, said, started } from './process.ts';

const counts = [1_000, 10_000, 100_000] as const;
const rate = 50;
const seconds = 15;

/** What waits for an upstream waits in the ledger: resident memory of a process, while so much waits and some of it is healed. */
export async function benchWaiting(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of counts) {
    const stage = await openStage();
    try {
      const { usual, most, waiting } = await run(stage, count);
      rows.push({
        what: `resident memory while ${waiting.toLocaleString('en')} violations wait, MiB: median · most, finding them included`,
        value: `${usual} · ${most}`,
      });
    } finally {
      await stage.close();
    }
  }
  return rows;
}

async function run(stage: Stage, count: number): Promise<{ usual: number; most: number; waiting: number }> {
  await stage.sql(`create table subs (id int primary key, plan text, note text);
    insert into subs select g, null, md5(g::text) from generate_series(1, ${count}) g; analyze subs`);
  const upstream = forked('upstream.js', {});
  const { port } = await said<{ port: number }>(upstream);
  await asked(upstream, { rate: 2 * rate, says: false });
  const [keeper] = await started(
    'keeper.js',
    {
      database: stage.url,
      redis: undefined,
      upstream: `http://127.0.0.1:${port}/`,
      name: '',
      rate,
      beside: 0,
    },
    1,
  );
  if (!keeper) throw new Error('it did not start');
  const mib = async () => (await asked<number>(keeper, 'memory')) / 2 ** 20;
  const listed = async () => {
    const [row] = await stage.sql(
      `select (select count(*) from evenkeel.violation) as waiting, (select passes from evenkeel.invariant limit 1) as passes`,
    );
    return { waiting: Number(row?.['waiting'] ?? 0), passes: Number(row?.['passes'] ?? 0) };
  };
  let most = 0;
  while ((await listed()).passes < 1) {
    most = Math.max(most, await mib());
    await delay(100);
  }
  const { waiting } = await listed();
  const seen: number[] = [];
  for (let i = 0; i < 10 * seconds; i++) {
    seen.push(await mib());
    await delay(100);
  }
  await Promise.all([keeper, upstream].map(end));
  return { usual: Math.round(median(seen)), most: Math.round(Math.max(most, ...seen)), waiting };
}

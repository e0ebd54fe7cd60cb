import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { format, resolveConfig } from 'prettier';
import { keepSmall } from '../src/memory.ts';
import { benchBloat } from './bloat.ts';
import { benchCheck } from './check.ts';
import { benchDrill } from './drill.ts';
import { benchHandover } from './celery/handover.ts';
import { benchHeal } from './heal.ts';
import { benchBurst } from './capture/burst.ts';
import { benchCounters } from './capture/counters.ts';
import { benchStatements } from './capture/statements.ts';
import { benchChange } from './limits/change.ts';
import { benchLimits } from './limits/limits.ts';
import { benchWaiting } from './limits/waiting.ts';
import { type Options, readOptions } from './options.ts';
import { type Report, type Row, merged, section } from './report.ts';
import { type Stage, openStage } from './stage.ts';
import { benchSweep } from './sweep.ts';
import { benchGrowth } from './tpcc/growth.ts';
import { benchHealing } from './tpcc/healing.ts';
import { benchThroughput } from './tpcc/throughput.ts';
import { benchWeb } from './web/pages.ts';
import { benchViewers } from './web/viewers.ts';

/** On the common server; each repeated `--rounds` times. */
const staged =
  (bench: (stage: Stage, rounds: number) => Promise<Row[]>) =>
  async ({ rounds }: Options): Promise<Report> => {
    const stage = await openStage();
    try {
      const [server] = await stage.sql('show server_version');
      const rows = await bench(stage, rounds);
      return { how: `median of ${rounds}, Postgres ${server?.['server_version']}, fsync on`, rows };
    } finally {
      await stage.close();
    }
  };

/** `npm run bench -- [name …] [--rounds N] [--write] …` (options.ts): prints tables, never judges. */
const benches: Record<string, { says: string; run: (options: Options) => Promise<Report> }> = {
  heal: {
    says: '100,000 broken order totals healed, verified, cross-checked against customers and journaled (`guard: none`)',
    run: staged(benchHeal),
  },
  sweep: {
    says: 'a full chunked sweep of order totals over 3,000,000 lines, each chunk a transaction of its own',
    run: staged(benchSweep),
  },
  check: {
    says: '`evenkeel check`: 30 invariants of a dozen shapes over a generated schema of 100 tables',
    run: staged(benchCheck),
  },
  drill: {
    says: '`evenkeel drill` on the schema and the invariants of the demo',
    run: benchDrill,
  },
  bloat: {
    says: 'the same 1,000 rows broken and healed again and again (`--rounds 10`: a million heals)',
    run: staged(benchBloat),
  },
  statements: {
    says: 'what capture costs the application: statements of one and of a thousand rows, found by sweeps, slot and triggers',
    run: benchStatements,
  },
  burst: {
    says: 'one transaction changes a million of two million rows and breaks a thousand of them',
    run: benchBurst,
  },
  counters: {
    says: 'a counter cache at one rate over more and more rows, and over larger and larger groups',
    run: benchCounters,
  },
  handover: {
    says: 'tasks handed to Celery (`EVENKEEL_BROKER_URL`), each checked and confirmed',
    run: benchHandover,
  },
  web: {
    says: 'each page of the dashboard over 10,000 open violations and 1,000,000 journal entries, until its last byte',
    run: staged(benchWeb),
  },
  viewers: {
    says: 'fifty people before the dashboard while 300,000 order totals are healed, beside the same with nobody',
    run: staged(benchViewers),
  },
  ...Object.fromEntries(
    [10, 50, 200, 1_000].map(rate => [
      `limits-${rate}`,
      {
        says: `four processes under one limit, and an upstream that allows ${rate} requests in any rolling second: how much of that is used, and how many of those sent are refused`,
        run: staged((stage, rounds) => benchLimits(stage, rounds, rate)),
      },
    ]),
  ),
  change: {
    says: 'an upstream that halves its limit without a word, and what can be reserved at all',
    run: staged(benchChange),
  },
  waiting: {
    says: 'violations that wait for an upstream of 50 requests a second',
    run: staged(benchWaiting),
  },
  tpcc: {
    says: 'TPC-C throughput, eleven consistency conditions watched, beside the same without and beside a reader that throws all away',
    run: benchThroughput,
  },
  'tpcc-4': {
    says: 'the same on four warehouses',
    run: options => benchThroughput({ ...options, warehouses: 4 }),
  },
  'tpcc-16': {
    says: 'the same on sixteen warehouses',
    run: options => benchThroughput({ ...options, warehouses: 16 }),
  },
  'tpcc-heal': {
    says: 'TPC-C at half of its saturated load: from the commit that corrupts to the commit that heals',
    run: benchHealing,
  },
  'tpcc-growth': {
    says: 'TPC-C at one rate on 1 and on 16 warehouses: CPU of Evenkeel, its backends and the walsender for a changed row',
    run: benchGrowth,
  },
};

// As `up` does.
keepSmall();
const options = readOptions(process.argv.slice(2));
const sections = new Map<string, string>();
for (const name of options.names.length > 0 ? options.names : Object.keys(benches)) {
  const bench = benches[name];
  if (!bench) throw new Error(`no such benchmark: ${name}; there are ${Object.keys(benches).join(', ')}`);
  console.log(`\n${name}: ${bench.says}`);
  const report = await bench.run(options);
  console.log(`  ${report.how}`);
  for (const { what, value } of report.rows) console.log(`  ${String(value).padStart(22)}  ${what}`);
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${date}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  sections.set(name, section(name, bench.says, { ...report, how: `${report.how}; ${machine}` }));
}
if (options.write) {
  const path = 'bench/RESULTS.md';
  const text = merged(readFileSync(path, 'utf8'), sections);
  const style = await resolveConfig(path);
  writeFileSync(path, await format(text, { ...style, filepath: path }));
}

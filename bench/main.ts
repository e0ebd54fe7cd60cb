import { writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { benchBloat } from './bloat.ts';
import { benchHeal } from './heal.ts';
import { type Stage, openStage } from './stage.ts';
import { benchSweep } from './sweep.ts';

type Row = Record<string, string | number>;

/** `npm run bench -- [name …] [--rounds N] [--write]`: prints tables, never judges; --write keeps them in RESULTS.md. */
const benches: Record<string, { says: string; run: (stage: Stage, rounds: number) => Promise<Row[]> }> = {
  heal: {
    says: '100,000 broken order totals healed, verified, cross-checked against customers and journaled (`guard: none`)',
    run: benchHeal,
  },
  sweep: {
    says: 'a full chunked sweep of order totals over 3,000,000 lines, each chunk a transaction of its own',
    run: benchSweep,
  },
  bloat: {
    says: 'the same 1,000 rows broken and healed again and again (`--rounds 10`: a million heals)',
    run: benchBloat,
  },
};

const args = process.argv.slice(2);
const write = args.includes('--write');
const at = args.indexOf('--rounds');
const rounds = at < 0 ? 3 : Number(args.splice(at, 2)[1]);
const names = args.filter(arg => arg !== '--write');
const tables: string[] = [];
for (const name of names.length > 0 ? names : Object.keys(benches)) {
  const bench = benches[name];
  if (!bench) throw new Error(`no such benchmark: ${name}; there are ${Object.keys(benches).join(', ')}`);
  const stage = await openStage();
  try {
    const [server] = await stage.sql('show server_version');
    console.log(`\n${name}: ${bench.says}`);
    const rows = await bench.run(stage, rounds);
    for (const { what, value } of rows) console.log(`  ${String(value).padStart(16)}  ${what}`);
    tables.push(
      `## ${name}\n\n${bench.says}; median of ${rounds}, Postgres ${server?.['server_version']}, fsync on.\n\n| | |\n|---|--:|`,
      ...rows.map(({ what, value }) => `| ${what} | ${value} |`),
      '',
    );
  } finally {
    await stage.close();
  }
}
if (write) {
  const machine = `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const head = `# Results\n\nWritten by \`npm run bench -- --write\` on ${new Date().toISOString().slice(0, 10)}; ${machine}, a shared and noisy machine: trust the ratios, which come from one run, more than the figures.\n`;
  writeFileSync('bench/RESULTS.md', `${[head, ...tables].join('\n').trimEnd()}\n`);
}

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Drilled } from '../src/drill/report.ts';
import type { Options } from './options.ts';
import type { Report } from './report.ts';
import { median } from './stage.ts';
import { root } from './tpcc/place.ts';

/** `evenkeel drill` as a user runs it, on the demo's schema and invariants, with a server of its own. */
export async function benchDrill({ rounds }: Options): Promise<Report> {
  const seconds: number[] = [];
  let invariants: readonly Drilled[] = [];
  for (let i = 0; i < rounds; i++) {
    const began = performance.now();
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['bin/evenkeel.js', 'drill', '--schema', 'demo/shop/schema.sql', '--json'],
      {
        cwd: fileURLToPath(root),
        env: { PATH: process.env['PATH'], EVENKEEL_INVARIANTS: 'demo/invariants' },
        maxBuffer: 2 ** 26,
      },
    );
    seconds.push((performance.now() - began) / 1000);
    invariants = (JSON.parse(stdout) as { invariants: readonly Drilled[] }).invariants;
  }
  const sum = (of: (one: Drilled) => number) => invariants.reduce((n, one) => n + of(one), 0);
  const all = invariants.flatMap(({ corruptions }) => corruptions);
  const count = (healed: boolean) => all.filter(one => one.healed === healed).length;
  return {
    how: `median of ${rounds}, Postgres 18 (embedded)`,
    rows: [
      { what: 'the whole command, s', value: median(seconds).toFixed(1) },
      { what: 'invariants · corruptions', value: `${invariants.length} · ${all.length}` },
      {
        what: 'healed · not healed',
        value: `${count(true)} · ${count(false)}`,
      },
      {
        what: 'mutants told apart · made',
        value: `${sum(one => one.mutants.told)} · ${sum(one => one.mutants.made)}`,
      },
    ],
  };
}

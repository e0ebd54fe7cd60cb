import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { overview } from '../../src/find/overview.ts';
import type { Options } from '../options.ts';
import type { Report, Row } from '../report.ts';
import { median } from '../stage.ts';
import { type Ground, type Plot, openGround } from './ground.ts';
import { alone, isOwed, keel, reader } from './keel.ts';
import { type Usage, parts, startMeter, total } from './meter.ts';
import { type Done, type Run, startMix } from './mix.ts';
import { check } from './conditions.ts';

/** All that sweeps have to do before capture is relied on is done before anything counts; they come again after a quarter of an hour. */
const watched = (plot: Plot) => keel(plot, undefined, { EVENKEEL_SWEEP_DUTY: '1' });
const arms = { bare: alone, watched, 'read and thrown away': reader } as const;
type Arm = keyof typeof arms;
const names = Object.keys(arms) as Arm[];

/** One run of the transactions with somebody beside, on a fresh copy. */
export interface Measured extends Done {
  readonly usage: Usage;
  /** Rows changed in the tables that the invariants read. */
  readonly rows: number;
  /** Seconds from the end of the load until every change was looked at; undefined: changes aren't told. */
  readonly drained: number | undefined;
  readonly capture: string;
}

/** Both cores saturated, the arms taking turns. The databases, indexes and settings are the same in all. */
export async function benchThroughput(options: Options): Promise<Report> {
  const { pairs, seconds, clients, warehouses, pgBin } = options;
  const ground = await openGround(pgBin);
  const runs = new Map<Arm, Measured[]>(names.map(name => [name, []]));
  try {
    for (let pair = 0; pair < pairs; pair++) {
      // Who goes first goes last the next time, so that nobody profits from his place.
      for (let i = 0; i < names.length; i++) {
        const name = names[(pair + i) % names.length] as Arm;
        const run = await measure(ground, name, warehouses, { clients, for: { seconds } });
        runs.get(name)?.push(run);
        console.log(`  ${pair + 1}/${pairs} ${name}: ${run.tps.toFixed(0)} transactions/s`);
      }
    }
  } finally {
    await ground.close();
  }
  const of = (name: Arm) => runs.get(name) ?? [];
  const ratio = (a: Arm, b: Arm): Row => ({
    what: `${a} ÷ ${b}`,
    value: spread(
      of(a).map((run, i) => run.tps / (of(b)[i]?.tps ?? Number.NaN)),
      3,
    ),
  });
  const watched = of('watched');
  const drained = watched.flatMap(run => run.drained ?? []);
  return {
    how: `${warehouses} ${warehouses === 1 ? 'warehouse' : 'warehouses'}, ${clients} connections, ${pairs} interleaved runs of ${seconds} s each, medians (least–most); found by ${watched[0]?.capture}; the same settings and indexes in every arm: ${ground.described}`,
    rows: [
      ...names.map(name => ({
        what: `${name}, transactions/s`,
        value: spread(
          of(name).map(run => run.tps),
          0,
        ),
      })),
      ratio('watched', 'bare'),
      ratio('read and thrown away', 'bare'),
      ratio('watched', 'read and thrown away'),
      {
        what: 'backlog looked at after the load ended, s',
        value: drained.length > 0 ? spread(drained, 1) : '–',
      },
      ...names.map(name => ({ what: `cores, ${name}`, value: shares(of(name).map(run => run.usage)) })),
    ],
  };
}

export async function measure(ground: Ground, arm: Arm, warehouses: number, run: Run): Promise<Measured> {
  const plot = await ground.fresh(warehouses);
  const { pool } = plot;
  const beside = await arms[arm](plot);
  try {
    // Caches and plans are warm before anything counts.
    await startMix(plot.url, plot.scale, { ...run, for: { seconds: 5 } }).done;
    const before = await changes(pool);
    const load = startMix(plot.url, plot.scale, run);
    const stop = await startMeter(pool, {
      driver: load.process.pid,
      [arm === 'watched' ? 'evenkeel' : 'reader']: beside.pid,
    });
    const done = await load.done;
    const usage = await stop();
    const rows = (await changes(pool)) - before;
    const drained = arm === 'watched' ? await drain(pool) : undefined;
    const capture = arm === 'watched' ? (await overview(pool)).capture.kind : 'nobody';
    await expectUntouched(pool, arm);
    return { ...done, usage, rows, drained, capture };
  } finally {
    await beside.stop();
  }
}

/** Nothing was broken, so nothing may have been found: a false alarm would spoil more than the figures. */
async function expectUntouched(pool: pg.Pool, arm: Arm): Promise<void> {
  const broken = await check(pool);
  if (Object.keys(broken).length > 0) throw new Error(`the load broke conditions: ${JSON.stringify(broken)}`);
  if (arm !== 'watched') return;
  const { rows } = await pool.query<{ opened: string; written: string }>(
    'select coalesce(sum(opened), 0) as opened, coalesce(sum(written), 0) as written from evenkeel.pulse',
  );
  if (rows[0]?.opened !== '0' || rows[0].written !== '0')
    throw new Error(`false alarms: ${rows[0]?.opened} opened, ${rows[0]?.written} rows written`);
}

/** Seconds until every change committed up to now was looked at. */
export async function drain(pool: pg.Pool): Promise<number | undefined> {
  const { at, capture } = await overview(pool);
  if (capture.kind === 'sweeps') return undefined;
  const began = performance.now();
  for (;;) {
    const { capture: now, invariants } = await overview(pool);
    const seconds = (performance.now() - began) / 1000;
    if (now.verifiedAt && now.verifiedAt >= at && !invariants.some(isOwed)) return seconds;
    if (seconds > 600) throw new Error('the backlog was not looked at within ten minutes');
    await delay(50);
  }
}

async function changes(pool: pg.Pool): Promise<number> {
  await pool.query('select pg_stat_clear_snapshot()');
  const { rows } = await pool.query<{ n: string }>(
    `select sum(n_tup_ins + n_tup_upd + n_tup_del) as n from pg_stat_user_tables
      where schemaname = 'public' and relname not in ('item', 'stock')`,
  );
  return Number(rows[0]?.n);
}

export function spread(values: readonly number[], digits: number): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(value => value.toFixed(digits));
  return `${median(values).toFixed(digits)} (${least}–${most})`;
}

/** Median shares of all cores, in percent. */
const shares = (usages: readonly Usage[]): string =>
  parts
    .map(part => [part, median(usages.map(usage => (100 * usage[part]) / total(usage)))] as const)
    .filter(([, share]) => share >= 0.05)
    .map(([part, share]) => `${part} ${share.toFixed(1)} %`)
    .join(', ');

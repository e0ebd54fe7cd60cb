import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Options } from '../options.ts';
import type { Report } from '../report.ts';
import { drain, spread } from '../tpcc/throughput.ts';
import { openRig } from './rig.ts';

const changed = 1_000_000;
/** One in so many is broken by the burst. */
const oneIn = 1_000;

const schema = `create table item (id int primary key, a int not null, b int not null);
  insert into item select g, g, 2 * g from generate_series(1, 2000000) g`;
const invariants = {
  double: `-- evenkeel: should
-- says: b is twice a
-- on: item
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select id, 2 * a as b from item`,
};

/** One transaction changes a million rows of two million, and breaks a thousand of them. */
export async function benchBurst({ rounds, pgBin }: Options): Promise<Report> {
  const rig = await openRig(pgBin);
  const kinds = ['slot', 'triggers'] as const;
  const seen = new Map(
    kinds.map(kind => [kind, { looked: [] as number[], healed: [] as number[], mib: [] as number[] }]),
  );
  try {
    for (let round = 0; round < rounds; round++) {
      for (const kind of kinds) {
        const { pool, ...field } = await rig.fresh(schema);
        const beside = await field.keel(invariants, { EVENKEEL_CAPTURE: kind });
        try {
          await pool.query(
            `update item set a = a + 1, b = 2 * (a + 1) + (id % ${oneIn} = 0)::int where id <= ${changed}`,
          );
          const began = performance.now();
          const healing = healed(pool, began);
          const looked = await drain(pool);
          const one = seen.get(kind);
          one?.looked.push(looked ?? Number.NaN);
          one?.healed.push(await healing);
          one?.mib.push(peakOf(beside.pid));
          console.log(`  ${round + 1}/${rounds} ${kind}: ${looked?.toFixed(1)} s, ${one?.mib.at(-1)} MiB`);
        } finally {
          await beside.stop();
        }
      }
    }
  } finally {
    await rig.close();
  }
  return {
    how: `${rounds} rounds, medians (least–most); ${rig.described}`,
    rows: [...seen].flatMap(([kind, { looked, healed: all, mib }]) => [
      { what: `${kind}: every change looked at, s after the commit`, value: spread(looked, 1) },
      { what: `${kind}: the thousand healed, s after the commit`, value: spread(all, 1) },
      { what: `${kind}: largest resident memory, MiB`, value: spread(mib, 0) },
    ]),
  };
}

async function healed(pool: pg.Pool, began: number): Promise<number> {
  for (;;) {
    const { rows } = await pool.query<{ n: string }>('select count(*) as n from evenkeel.entry');
    if (Number(rows[0]?.n) >= changed / oneIn) return (performance.now() - began) / 1000;
    if (performance.now() - began > 600_000) throw new Error('not healed within ten minutes');
    await delay(100);
  }
}

/** Linux only. */
function peakOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}

import type { Options } from '../options.ts';
import type { Report, Row } from '../report.ts';
import { spread } from '../tpcc/throughput.ts';
import { type Rig, openRig } from './rig.ts';

const arms = ['nobody', 'sweeps', 'slot', 'triggers'] as const;
type Arm = (typeof arms)[number];

const schema = `create table item (id int primary key, a int not null, b int not null) with (fillfactor = 70);
  insert into item select g, g, 2 * g from generate_series(1, 1000000) g`;
const invariants = {
  double: `-- evenkeel: should
-- says: b is twice a
-- on: item
select id, 2 * a as b from item`,
};

const shapes = {
  'one row': String.raw`\set id random(1, 1000000)
    update item set a = a + 1, b = 2 * (a + 1) where id = :id;`,
  'a thousand rows': String.raw`\set id random(1, 999000)
    update item set a = a + 1, b = 2 * (a + 1) where id >= :id and id < :id + 1000;`,
};

/** What capture costs the application: the same statements with nobody beside, with sweeps alone, with slot and triggers. */
export async function benchStatements({ pairs, seconds, pgBin }: Options): Promise<Report> {
  const rig = await openRig(pgBin);
  const runs = new Map<string, number[]>();
  try {
    for (let pair = 0; pair < pairs; pair++) {
      for (let i = 0; i < arms.length; i++) {
        const arm = arms[(pair + i) % arms.length] as Arm;
        for (const [shape, script] of Object.entries(shapes)) {
          const tps = await measure(rig, arm, script, shape === 'one row' ? 8 : 1, seconds);
          const id = `${shape} ${arm}`;
          runs.set(id, [...(runs.get(id) ?? []), tps]);
          console.log(`  ${pair + 1}/${pairs} ${shape}, ${arm}: ${tps.toFixed(0)} statements/s`);
        }
      }
    }
  } finally {
    await rig.close();
  }
  const of = (shape: string, arm: Arm) => runs.get(`${shape} ${arm}`) ?? [];
  const rows = Object.keys(shapes).flatMap((shape): Row[] => [
    { what: `${shape} a statement, nobody beside, statements/s`, value: spread(of(shape, 'nobody'), 0) },
    ...arms.slice(1).map(arm => ({
      what: `${shape} a statement, ${arm} ÷ nobody`,
      value: spread(
        of(shape, arm).map((tps, i) => tps / (of(shape, 'nobody')[i] ?? Number.NaN)),
        2,
      ),
    })),
  ]);
  return {
    how: `8 connections (1 with a thousand rows), ${pairs} interleaved runs of ${seconds} s each, medians (least–most); ${rig.described}`,
    rows,
  };
}

async function measure(
  rig: Rig,
  arm: Arm,
  script: string,
  clients: number,
  seconds: number,
): Promise<number> {
  const field = await rig.fresh(schema);
  const beside = arm === 'nobody' ? undefined : await field.keel(invariants, { EVENKEEL_CAPTURE: arm });
  try {
    await field.load(script, { clients, for: { seconds: 3 } }).done;
    return (await field.load(script, { clients, for: { seconds } }).done).tps;
  } finally {
    await beside?.stop();
  }
}

import type { Options } from '../options.ts';
import type { Report, Row } from '../report.ts';
import { spread } from '../tpcc/throughput.ts';
import { type Rig, openRig } from './rig.ts';

const schema = `create table topic (id int primary key, off bigint not null);
  create table item (id int primary key, topic int not null, a int not null, b int not null) with (fillfactor = 70);
  insert into topic select g, 0 from generate_series(0, 1000) g;
  insert into item select g, g / 1000, g, 2 * g from generate_series(1, 1000000) g;
  create index on item (topic)`;
/** Each row by itself, or added up: of the latter, triggers tell every row as it was and as it is. */
const double = `-- evenkeel: should
-- says: b is twice a
-- on: item
select id, 2 * a as b from item`;
const sums = `-- evenkeel: should
-- says: The items of a topic are off by so much in all
-- on: topic
select t.id, (select coalesce(sum(b - 2 * a), 0) from item where topic = t.id) as off from topic t`;

const arms = {
  nobody: undefined,
  sweeps: { capture: 'sweeps', invariant: double },
  slot: { capture: 'slot', invariant: double },
  triggers: { capture: 'triggers', invariant: double },
  'triggers that tell sums': { capture: 'triggers', invariant: sums },
} as const;
type Arm = keyof typeof arms;
const names = Object.keys(arms) as Arm[];

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
      for (let i = 0; i < names.length; i++) {
        const arm = names[(pair + i) % names.length] as Arm;
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
    ...names.slice(1).map(arm => ({
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
  const found = arms[arm];
  const beside = found && (await field.keel({ found: found.invariant }, { EVENKEEL_CAPTURE: found.capture }));
  try {
    await field.load(script, { clients, for: { seconds: 3 } }).done;
    return (await field.load(script, { clients, for: { seconds } }).done).tps;
  } finally {
    await beside?.stop();
  }
}

import type { Options } from '../options.ts';
import type { Report, Row } from '../report.ts';
import { median } from '../stage.ts';
import { type Usage, ourParts, ours, perRow, startMeter } from '../tpcc/meter.ts';
import { spread } from '../tpcc/throughput.ts';
import { type Rig, openRig } from './rig.ts';

/** Posts in all, and a topic. */
const sizes = [
  { posts: 100_000, group: 10 },
  { posts: 1_000_000, group: 10 },
  { posts: 10_000_000, group: 10 },
  { posts: 1_000_000, group: 100 },
  { posts: 1_000_000, group: 1_000 },
] as const;
type Size = (typeof sizes)[number];

const schema = ({ posts, group }: Size) => `
  create table topic (id int primary key, posts int not null) with (fillfactor = 70);
  create table post (id bigint generated always as identity primary key, topic int not null);
  -- Posts may move and go: without it both would be left to sweeps, which would be most of what is measured.
  alter table post replica identity full;
  insert into topic select g, ${group} from generate_series(1, ${posts / group}) g;
  insert into post (topic) select 1 + g % ${posts / group} from generate_series(1, ${posts}) g;
  create index on post (topic)`;
const invariants = {
  counted: `-- evenkeel: should
-- says: A topic counts its posts
-- on: topic
-- heal: set
select t.id, (select count(*) from post p where p.topic = t.id)::int as posts from topic t`,
};
const script = ({ posts, group }: Size) => String.raw`\set topic random(1, ${posts / group})
  begin;
  insert into post (topic) values (:topic);
  update topic set posts = posts + 1 where id = :topic;
  commit;`;

interface Cost {
  readonly usage: Usage;
  readonly rows: number;
}
const inAll = (cost: Cost): number => perRow(cost, ours(cost.usage));

/** The same changes a second on more and more rows, and on larger and larger groups: what a changed row costs. */
export async function benchCounters({ pairs, seconds, rate = 300, pgBin }: Options): Promise<Report> {
  const rig = await openRig(pgBin);
  const runs = new Map<Size, Cost[]>(sizes.map(size => [size, []]));
  try {
    // One after the other, again and again: what the machine does meanwhile is in all of them.
    for (let i = 0; i < pairs; i++) {
      for (const size of sizes) {
        const cost = await measure(rig, size, rate, seconds);
        runs.get(size)?.push(cost);
        console.log(`  ${named(size)}: ${inAll(cost).toFixed(0)} µs`);
      }
    }
  } finally {
    await rig.close();
  }
  const of = (size: Size, cost: (one: Cost) => number) => (runs.get(size) ?? []).map(cost);
  const base = of(sizes[0], inAll);
  return {
    how: `${rate} transactions/s of two changed rows each, ${pairs} interleaved runs of ${seconds} s each, medians (least–most) of Evenkeel, its backends and the walsender; ${rig.described}`,
    rows: sizes.flatMap((size, i): Row[] => [
      { what: `CPU for a changed row, µs: ${named(size)}`, value: spread(of(size, inAll), 1) },
      {
        what: `… ${ourParts.join(' · ')}`,
        value: ourParts
          .map(part => median(of(size, one => perRow(one, one.usage[part]))).toFixed(0))
          .join(' · '),
      },
      ...(i === 0
        ? []
        : [
            {
              what: `… ÷ ${named(sizes[0])}`,
              value: spread(
                of(size, inAll).map((one, n) => one / (base[n] ?? Number.NaN)),
                2,
              ),
            },
          ]),
    ]),
  };
}

const named = ({ posts, group }: Size): string => `${posts.toLocaleString('en')} posts, ${group} a topic`;

async function measure(rig: Rig, size: Size, rate: number, seconds: number): Promise<Cost> {
  const field = await rig.fresh(schema(size));
  // The sweeps that go ahead of capture are over before anything is measured.
  const beside = await field.keel(invariants, { EVENKEEL_SWEEP_DUTY: '1' });
  try {
    await field.load(script(size), { clients: 4, rate, for: { seconds: 5 } }).done;
    const load = field.load(script(size), { clients: 4, rate, for: { seconds } });
    const stop = await startMeter(field.pool, { driver: load.process.pid, evenkeel: beside.pid });
    const { transactions } = await load.done;
    return { usage: await stop(), rows: 2 * transactions };
  } finally {
    await beside.stop();
  }
}

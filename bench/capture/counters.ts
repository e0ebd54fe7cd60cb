import type { Options } from '../options.ts';
import type { Report, Row } from '../report.ts';
import { type Usage, ours, startMeter } from '../tpcc/meter.ts';
import { drain, spread } from '../tpcc/throughput.ts';
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

/** The same changes a second on more and more rows, and on larger and larger groups: what a changed row costs. */
export async function benchCounters({ pairs, seconds, rate = 300, pgBin }: Options): Promise<Report> {
  const rig = await openRig(pgBin);
  const runs = new Map<Size, number[]>(sizes.map(size => [size, []]));
  try {
    for (const size of sizes) {
      for (const cost of await measure(rig, size, pairs, rate, seconds)) {
        runs.get(size)?.push(cost);
      }
      console.log(`  ${size.posts} posts, ${size.group} a topic: ${spread(runs.get(size) ?? [], 0)} µs`);
    }
  } finally {
    await rig.close();
  }
  const named = ({ posts, group }: Size) => `${posts.toLocaleString('en')} posts, ${group} a topic`;
  const base = runs.get(sizes[0]) ?? [];
  return {
    how: `${rate} transactions/s of two changed rows each, ${pairs} runs of ${seconds} s each, medians (least–most) of Evenkeel, its backends and the walsender; ${rig.described}`,
    rows: sizes.flatMap((size, i): Row[] => [
      { what: `CPU for a changed row, µs: ${named(size)}`, value: spread(runs.get(size) ?? [], 1) },
      ...(i > 0
        ? [
            {
              what: `… ÷ ${named(sizes[0])}`,
              value: spread(
                (runs.get(size) ?? []).map((one, n) => one / (base[n] ?? Number.NaN)),
                2,
              ),
            },
          ]
        : []),
    ]),
  };
}

async function measure(rig: Rig, size: Size, runs: number, rate: number, seconds: number): Promise<number[]> {
  const field = await rig.fresh(schema(size));
  const beside = await field.keel(invariants);
  const found: number[] = [];
  try {
    await field.load(script(size), { clients: 4, rate, for: { seconds: 5 } }).done;
    for (let i = 0; i < runs; i++) {
      const load = field.load(script(size), { clients: 4, rate, for: { seconds } });
      const stop = await startMeter(field.pool, { driver: load.process.pid, evenkeel: beside.pid });
      const { transactions } = await load.done;
      const usage: Usage = await stop();
      found.push((ours(usage) * 1e6) / (2 * transactions));
      await drain(field.pool);
    }
  } finally {
    await beside.stop();
  }
  return found;
}

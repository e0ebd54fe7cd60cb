import type { Options } from '../options.ts';
import type { Report, Row } from '../report.ts';
import { median } from '../stage.ts';
import { openGround } from './ground.ts';
import { ourParts, ours, perRow } from './meter.ts';
import { type Measured, measure, spread } from './throughput.ts';

/** `--warehouses` says how far it grows. */
export async function benchGrowth(options: Options): Promise<Report> {
  const { pairs, seconds, clients, pgBin } = options;
  const sizes = [1, options.warehouses === 1 ? 16 : options.warehouses] as const;
  const ground = await openGround(pgBin);
  const runs = new Map<number, Measured[]>(sizes.map(size => [size, []]));
  let rate = options.rate;
  try {
    rate ??= (await measure(ground, 'watched', 1, { clients, for: { seconds } })).tps / 2;
    rate = Math.round(rate);
    for (let pair = 0; pair < pairs; pair++) {
      for (const size of pair % 2 === 0 ? sizes : sizes.toReversed()) {
        const run = await measure(ground, 'watched', size, { clients, rate, for: { seconds } });
        runs.get(size)?.push(run);
        console.log(
          `  ${pair + 1}/${pairs} ${size}: ${perRow(run, ours(run.usage)).toFixed(1)} µs a changed row`,
        );
      }
    }
  } finally {
    await ground.close();
  }
  const of = (size: number) => runs.get(size) ?? [];
  const [few, many] = sizes.map(of) as [Measured[], Measured[]];
  const line = (size: number): Row[] => [
    {
      what: `CPU for a changed row at ${size} warehouses, µs`,
      value: spread(
        of(size).map(run => perRow(run, ours(run.usage))),
        1,
      ),
    },
    ...ourParts.map(part => ({
      what: `… ${part}`,
      value: median(of(size).map(run => perRow(run, run.usage[part]))).toFixed(1),
    })),
    {
      what: `changed rows/s at ${size} warehouses`,
      value: Math.round(median(of(size).map(run => run.rows / seconds))),
    },
  ];
  const ratios = many.map((run, i) => {
    const one = few[i] as Measured;
    return perRow(run, ours(run.usage)) / perRow(one, ours(one.usage));
  });
  return {
    how: `${rate} transactions/s, ${clients} connections, ${pairs} interleaved runs of ${seconds} s each, medians (least–most); found by ${few[0]?.capture}; ${ground.described}`,
    rows: [
      ...sizes.flatMap(line),
      { what: `${sizes[1]} ÷ ${sizes[0]} warehouses`, value: spread(ratios, 2) },
    ],
  };
}

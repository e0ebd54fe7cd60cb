import type { Pool } from '../db/pool.ts';

/** From the commit that broke it, or where that isn't known from when it was found, to the heal; ms. */
export interface Speed {
  readonly p50: number;
  readonly p99: number;
  /** Of so many heals, the last ones. */
  readonly of: number;
}

/** So many of each invariant are looked at. */
const some = 500;

/** Among no more than these: where hardly any is a heal, finding some would mean reading them all. */
const last = (which: string, order: string) =>
  `select * from evenkeel.entry ${which} order by ${order} limit 2000`;
/** As a range, so that there is one index that gives their order: of an invariant without entries, all others' would be read. */
const ofOne = last(
  'where (invariant, id) between (i.name, 0) and (i.name, 9223372036854775807)',
  'invariant desc, id desc',
);

const ms = `1000 * greatest(0, extract(epoch from e.at - least(e.opened_at, (e.cause->>'at')::timestamptz)))`;
const healed = `e.opened_at is not null and e.action not in ('undo', 'effect') and e.because_of is null`;
const percentiles = `percentile_disc(0.5) within group (order by ms)::float8 as p50,
  percentile_disc(0.99) within group (order by ms)::float8 as p99, count(*)::int as of`;

/** By name, of those in force that healed something; and of all together under ''. */
export async function speeds(pool: Pool): Promise<ReadonlyMap<string, Speed>> {
  const { rows } = await pool.query<Speed & { name: string }>(
    `select i.name, s.* from evenkeel.invariant i
      cross join lateral (select ${percentiles} from (
        select ${ms} as ms from (${ofOne}) e where ${healed} order by e.id desc limit ${some}) x) s
      where i.retired_at is null and s.of > 0
     union all
     select '', s.* from (select ${percentiles} from (
        select ${ms} as ms from (${last('', 'id desc')}) e where ${healed} order by e.id desc limit ${2 * some}) x) s where s.of > 0`,
  );
  return new Map(rows.map(({ name, ...speed }) => [name, speed]));
}

import type { Pool } from '../db/pool.ts';

/** How an invariant's violations came and went. */
export interface Rhythm {
  /** Since midnight, in the database's time zone. */
  readonly today: { readonly opened: number; readonly healed: number };
  /** A number for each of the last sixty minutes, the current one last. */
  readonly opened: readonly number[];
  readonly healed: readonly number[];
}

const minutes = 60;

/** By name, of all in force. */
export async function rhythms(pool: Pool): Promise<ReadonlyMap<string, Rhythm>> {
  const { rows } = await pool.query<{
    name: string;
    openedToday: number;
    healedToday: number;
    told: [number, number, number][];
  }>(
    `select i.name, coalesce(t.opened, 0)::float8 as "openedToday", coalesce(t.healed, 0)::float8 as "healedToday", coalesce(h.told, '[]') as told
       from evenkeel.invariant i
      cross join lateral (select sum(opened) as opened, sum(healed) as healed from evenkeel.pulse p
                           where p.invariant = i.name and p.minute >= date_trunc('day', clock_timestamp())) t
      cross join lateral (
        select json_agg(json_build_array(floor(extract(epoch from clock_timestamp() - p.minute) / 60)::int, p.opened, p.healed)) as told
          from evenkeel.pulse p where p.invariant = i.name and p.minute > clock_timestamp() - make_interval(mins => $1)) h
      where i.retired_at is null`,
    [minutes],
  );
  return new Map(
    rows.map(({ name, openedToday, healedToday, told }) => {
      const opened = Array.from({ length: minutes }, () => 0);
      const healed = [...opened];
      for (const [back, o, h] of told) {
        const at = minutes - 1 - Math.max(0, back);
        opened[at] = (opened[at] ?? 0) + o;
        healed[at] = (healed[at] ?? 0) + h;
      }
      return [name, { today: { opened: openedToday, healed: healedToday }, opened, healed }];
    }),
  );
}

import type { Pool } from '../db/pool.ts';

interface Minute {
  readonly invariant: string;
  readonly minute: Date;
  readonly opened: number;
  readonly healed: number;
  readonly cleared: number;
  readonly written: number;
}
export type Count = Omit<Minute, 'minute'>;

/**
 * Counts that only grow, from a ledger that keeps minutes: what was added since the last look. A process that has just started
 * begins at nothing, as counters do.
 */
export class Tally {
  readonly #pool: Pool;
  #seen: ReadonlyMap<string, Minute> | undefined;
  #from: Date | undefined;
  /** Entries of transactions from this one on weren't told yet; their ids are greater than the floor. */
  #settled: string | undefined;
  #floor: string | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async since(): Promise<{ counts: Count[]; heals: { invariant: string; seconds: number }[] }> {
    const minutes = await this.#minutes();
    const { settled, floor, heals } = await this.#heals();
    const counts = this.#grown(minutes);
    const told = this.#settled === undefined ? [] : heals;
    // Nothing is taken for told before all of it could be read.
    this.#seen = new Map(minutes.map(row => [keyOf(row), row]));
    this.#from = minutes[0]?.now ?? this.#from;
    this.#settled = settled;
    this.#floor = floor;
    return { counts, heals: told };
  }

  async #minutes(): Promise<(Minute & { now: Date })[]> {
    // The minute before may still have been written to when it was read.
    const { rows } = await this.#pool.query<Minute & { now: Date }>(
      `select p.*, date_trunc('minute', clock_timestamp()) as now from evenkeel.pulse p
        where minute >= coalesce($1::timestamptz, date_trunc('minute', clock_timestamp())) - interval '1 minute'`,
      [this.#from ?? null],
    );
    return rows;
  }

  #grown(rows: readonly Minute[]): Count[] {
    const before = this.#seen;
    if (!before) return [];
    return rows.map(row => {
      const old = before.get(keyOf(row));
      // A resume sets what counted towards the guard back.
      const grown = (name: 'opened' | 'healed' | 'cleared' | 'written') =>
        Math.max(0, row[name] - (old?.[name] ?? 0));
      return {
        invariant: row.invariant,
        opened: grown('opened'),
        healed: grown('healed'),
        cleared: grown('cleared'),
        written: grown('written'),
      };
    });
  }

  /** Those of transactions that ended since: by their ids alone, one that commits late would be passed over. */
  async #heals(): Promise<Heals> {
    const { rows } = await this.#pool.query<Heals>(
      `with now as (select pg_snapshot_xmin(s) as settled, pg_snapshot_xmax(s) as next from pg_current_snapshot() s),
            late as (select id, xid, invariant, at, opened_at, cause, action, because_of from evenkeel.entry
                      where id > coalesce($2::bigint, (select max(id) from evenkeel.entry) - ${slack}))
       select settled::text,
              ((select coalesce(min(id) filter (where xid >= settled and xid < next), max(id), $2::bigint + ${slack}, 0) from late)
                - ${slack})::text as floor,
              (select coalesce(json_agg(x), '[]') from (
                select invariant, greatest(0, extract(epoch from at - least(opened_at, (cause->>'at')::timestamptz)))::float8 as seconds
                  from late
                 where xid >= $1::xid8 and xid < settled and opened_at is not null and action not in ('undo', 'effect')
                   and because_of is null
                 order by id desc limit 20000) x) as heals
         from now`,
      [this.#settled ?? null, this.#floor ?? null],
    );
    const [told] = rows;
    if (!told) throw new Error('a query of one row gave none');
    return told;
  }
}

interface Heals {
  readonly settled: string;
  readonly floor: string;
  readonly heals: { invariant: string; seconds: number }[];
}

const keyOf = (row: Minute): string => `${row.invariant} ${row.minute.getTime()}`;

/** So many ids before the last may belong to transactions that haven't ended. */
const slack = 10_000;

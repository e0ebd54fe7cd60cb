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
  #entry: string | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async since(): Promise<{ counts: Count[]; heals: { invariant: string; seconds: number }[] }> {
    return { counts: await this.#minutes(), heals: await this.#heals() };
  }

  async #minutes(): Promise<Count[]> {
    // The minute before may still have been written to when it was read.
    const { rows } = await this.#pool.query<Minute & { now: Date }>(
      `select p.*, date_trunc('minute', clock_timestamp()) as now from evenkeel.pulse p
        where minute >= coalesce($1::timestamptz, date_trunc('minute', clock_timestamp())) - interval '1 minute'`,
      [this.#from ?? null],
    );
    const before = this.#seen;
    const key = (row: Minute) => `${row.invariant} ${row.minute.getTime()}`;
    this.#seen = new Map(rows.map(row => [key(row), row]));
    this.#from = rows[0]?.now ?? this.#from;
    if (!before) return [];
    return rows.map(row => {
      const old = before.get(key(row));
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

  async #heals(): Promise<{ invariant: string; seconds: number }[]> {
    const { rows: last } = await this.#pool.query<{ id: string }>(
      'select coalesce(max(id), 0) as id from evenkeel.entry',
    );
    const from = this.#entry;
    this.#entry = last[0]?.id;
    if (from === undefined || from === this.#entry) return [];
    const { rows } = await this.#pool.query<{ invariant: string; seconds: number }>(
      `select invariant, greatest(0, extract(epoch from at - least(opened_at, (cause->>'at')::timestamptz)))::float8 as seconds
         from evenkeel.entry
        where id > $1 and id <= $2 and opened_at is not null and action not in ('undo', 'effect') and because_of is null
        order by id desc limit 20000`,
      [from, this.#entry],
    );
    return rows;
  }
}

import type { Pool } from '../db/pool.ts';

/**
 * Sweeping uses a share u of one connection's time: after a chunk of t it sleeps t(1−u)/u. Any sign of strain halves u;
 * each quiet ten seconds give back 0.02, up to what is configured.
 */
export class Duty {
  readonly #pool: Pool;
  readonly #most: number;
  #share: number;
  #looked = -Infinity;

  constructor(pool: Pool, most: number) {
    this.#pool = pool;
    this.#most = most;
    this.#share = most;
  }

  /** @param times changes that wait may use so many times the share, up to half of the time */
  async pauseAfter(ms: number, tableOid: string, times = 1): Promise<number> {
    if (performance.now() - this.#looked > 10_000) {
      this.#looked = performance.now();
      const strained = await this.#strained(tableOid);
      this.#share = strained
        ? Math.max(this.#share / 2, this.#most / 16)
        : Math.min(this.#share + 0.02, this.#most);
    }
    const share = Math.max(this.#share, Math.min(0.5, this.#share * times));
    return (ms * (1 - share)) / share;
  }

  /** Replicas that lag a second (our own slot does where changes wait), a vacuum on this table, or most connections at work. */
  async #strained(tableOid: string): Promise<boolean> {
    const { rows } = await this.#pool.query<{ strained: boolean }>(
      `select exists (select from pg_stat_replication
                       where replay_lag > interval '1 second' and application_name <> 'evenkeel')
           or exists (select from pg_stat_progress_vacuum where relid = $1)
           or (select count(*) from pg_stat_activity where state = 'active' and application_name <> 'evenkeel')
              > 0.5 * current_setting('max_connections')::int as strained`,
      [tableOid],
    );
    return rows[0]?.strained ?? false;
  }
}

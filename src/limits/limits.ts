import { randomUUID } from 'node:crypto';
import type { Pool } from '../db/pool.ts';
import type { Limit } from '../declare/limit.ts';
import type { Log } from '../log.ts';
import { Budget } from './budget.ts';
import { Notices } from './notices.ts';

/** Seconds of use are kept for so long: what `status --limits` sums, and some more. */
const keptMinutes = 10;

/** This process's part of every limit: budgets by name, and what other processes tell of them. */
export class Limits {
  readonly #pool: Pool;
  readonly #notices: Notices;
  readonly #budgets = new Map<string, Budget>();
  /** This process, to the leases that it takes. */
  readonly holder = randomUUID();

  /** @param url where to listen: past any pooler */
  constructor(pool: Pool, url: string, log: Log) {
    this.#pool = pool;
    this.#notices = new Notices(url, log, (name, ms, epoch) => this.#budgets.get(name)?.block(ms, epoch));
  }

  /** Brings its row in line with what is declared. */
  async declare(limit: Limit | undefined): Promise<void> {
    if (!limit || this.#budgets.has(limit.name)) return;
    const budget = new Budget(this.#pool, limit, this.holder);
    await budget.declare();
    this.#budgets.set(limit.name, budget);
    this.#notices.start();
  }

  /** Of a limit that was declared. */
  budget({ name }: Limit): Budget {
    const budget = this.#budgets.get(name);
    if (!budget) throw new Error(`the limit ${name} was not declared`);
    return budget;
  }

  /** Forgets old seconds, and leases of processes that died. */
  async tidy(): Promise<void> {
    await this.#pool.query(
      `delete from evenkeel.rate_second where second < clock_timestamp() - make_interval(mins => $1)`,
      [keptMinutes],
    );
    await this.#pool.query('delete from evenkeel.rate_lease where expires_at < clock_timestamp()');
  }

  async stop(): Promise<void> {
    await Promise.all([this.#notices.stop(), ...[...this.#budgets.values()].map(budget => budget.close())]);
  }
}

import type { Pool } from '../db/pool.ts';
import type { Log } from '../log.ts';
import type { Self } from '../roster/roster.ts';
import { Service } from '../service.ts';
import { type Lease, dropLease, mayLead, takeLease } from './lease.ts';

/** Seconds that a lease lasts; another process takes over when it has run out. */
export const leaseSeconds = 6;

/** Keeps the lease `sweep`: of several processes the one that holds it captures and sweeps. */
export class Leader {
  readonly #pool: Pool;
  readonly #self: Self;
  readonly #log: Log;
  readonly #keeper: Service;
  #lease: Lease | undefined;
  /** Called when the lease was taken. */
  taken: () => void = () => {};

  constructor(pool: Pool, self: Self, log: Log) {
    this.#pool = pool;
    this.#self = self;
    this.#log = log;
    this.#keeper = new Service('lease', 1_500, log, () => this.keep());
  }

  /** Undefined: another process leads. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  start(): void {
    this.#keeper.start();
  }

  async stop(): Promise<void> {
    await this.#keeper.stop();
    await this.drop().catch(() => {});
  }

  async keep(): Promise<void> {
    if (!(await mayLead(this.#pool, this.#self.id))) return this.drop();
    const lease = await takeLease(this.#pool, 'sweep', this.#self.id, leaseSeconds);
    const fresh = lease && lease.fence !== this.#lease?.fence;
    this.#lease = lease;
    if (!fresh) return;
    this.#log.debug(`leading (fence ${lease.fence})`);
    this.taken();
  }

  async drop(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease) await dropLease(this.#pool, lease);
  }
}

import pg from 'pg';
import type { Log } from '../log.ts';
import { Service } from '../service.ts';

/** A connection that ended is made again after so long; ms. */
const againMs = 1_000;

/**
 * Tells of refusals that other processes met (NOTIFY evenkeel_limit), so that nobody sends what was reserved before. It needs a
 * connection of its own, past any pooler in transaction mode. Without it the next reservation tells, a seventh of a
 * second later at most.
 */
export class Notices {
  readonly #url: string;
  readonly #heard: (name: string, ms: number, epoch?: number) => void;
  readonly #service: Service;
  #client: pg.Client | undefined;

  /** @param heard a limit's name, how long nobody may send, in ms, and the row's new epoch, once that is written */
  constructor(url: string, log: Log, heard: (name: string, ms: number, epoch?: number) => void) {
    this.#url = url;
    this.#heard = heard;
    this.#service = new Service('limits', againMs, log, () => this.#listen());
  }

  start(): void {
    this.#service.start();
  }

  async stop(): Promise<void> {
    const stopped = this.#service.stop();
    await this.#client?.end().catch(() => {});
    await stopped;
  }

  /** Until the connection ends. */
  async #listen(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'evenkeel limits',
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
    });
    this.#client = client;
    const ended = new Promise<void>(resolve => {
      client.once('end', resolve);
      client.on('error', () => resolve());
    });
    client.on('notification', ({ payload }) => this.#told(payload ?? ''));
    try {
      await client.connect();
      await client.query('listen evenkeel_limit');
      await ended;
    } finally {
      await client.end().catch(() => {});
    }
  }

  #told(payload: string): void {
    try {
      const [name, ms, epoch] = JSON.parse(payload) as unknown[];
      if (typeof name !== 'string' || typeof ms !== 'number' || !(ms >= 0)) return;
      this.#heard(name, ms, typeof epoch === 'number' ? epoch : undefined);
    } catch {
      // Anybody may notify.
    }
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** A connection that ended is made again after so long; ms. */
const againMs = 1_000;

/**
 * Tells of refusals that other processes met (NOTIFY evenkeel_limit), so that nobody sends what was reserved before. It needs a
 * connection of its own, past any pooler in transaction mode. Without it the next block of reservations tells, a tenth of a
 * second later at most.
 */
export class Notices {
  readonly #url: string;
  readonly #heard: (name: string, ms: number) => void;
  readonly #stopping = new AbortController();
  #client: pg.Client | undefined;
  #running: Promise<void> | undefined;

  /** @param heard a limit's name, and how long nobody may send; ms */
  constructor(url: string, heard: (name: string, ms: number) => void) {
    this.#url = url;
    this.#heard = heard;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#client?.end().catch(() => {});
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const client = new pg.Client({
        connectionString: this.#url,
        application_name: 'evenkeel limits',
        keepAlive: true,
        connectionTimeoutMillis: 10_000,
      });
      this.#client = client;
      const ended = new Promise<void>(resolve => {
        client.once('end', resolve);
        client.once('error', () => resolve());
      });
      client.on('notification', ({ payload }) => this.#told(payload ?? ''));
      try {
        await client.connect();
        await client.query('listen evenkeel_limit');
        await ended;
      } catch {
        // The next try says it again; nothing is lost meanwhile but speed.
      }
      await client.end().catch(() => {});
      if (!signal.aborted) await delay(againMs, undefined, { signal }).catch(() => {});
    }
  }

  #told(payload: string): void {
    try {
      const [name, ms] = JSON.parse(payload) as [unknown, unknown];
      if (typeof name === 'string' && typeof ms === 'number' && ms > 0) this.#heard(name, ms);
    } catch {
      // Anybody may notify.
    }
  }
}

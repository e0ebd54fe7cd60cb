import { until } from '../support/wait.ts';
import { extra, rows, waysOnMirror, waysOnShelves } from './ground.ts';
import { Patient } from './patient.ts';
import type { Random } from './random.ts';

/** Breaks rows for as long as it may; not more than a few dozen at once, so that its pace is that of the heals. */
export class Corrupter {
  readonly #server: Patient;
  readonly #chance: Random;
  #stopping = false;
  #working: Promise<void> | undefined;

  constructor(url: string, chance: Random) {
    this.#server = new Patient(url);
    this.#chance = chance;
  }

  start(): void {
    this.#working = this.#work();
    // Told by stop(), which whoever started it awaits.
    this.#working.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    try {
      await this.#working;
    } finally {
      await this.#server.close();
    }
  }

  async #work(): Promise<void> {
    while (!this.#stopping) {
      for (let i = 0; i < 10; i++) await this.#corrupt();
      await until(async () => this.#stopping || (await this.#wrong()) < 30, {
        what: 'heals to keep up with the corrupter',
        timeoutMs: 120_000,
      });
    }
  }

  async #corrupt(): Promise<void> {
    const below = this.#chance;
    const ways = below(2) === 0 ? waysOnShelves : waysOnMirror;
    const way = ways[below(ways.length)];
    const key = way === 'extra' ? rows + 1 + below(extra) : 1 + below(rows);
    await this.#server.rows('select corrupt($1, $2, $3)', [way, key, below(100)]);
  }

  async #wrong(): Promise<number> {
    const [row] = await this.#server.rows<{ n: number }>('select count(*)::int as n from wrong');
    return row?.n ?? 0;
  }
}

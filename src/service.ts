import { describe } from './db/pool.ts';
import type { Log } from './log.ts';

/**
 * All background work has this shape: `run` again and again, a pause between, one at a time. An error is logged when it
 * changes and the next run follows as if nothing had been: the database coming back is nothing that a person must tell.
 */
export class Service {
  readonly #name: string;
  readonly #pauseMs: number;
  readonly #log: Log;
  readonly #run: () => Promise<unknown>;
  #running: Promise<void> | undefined;
  #stopping = false;
  #wake: (() => void) | undefined;
  #woken = false;
  #trouble: string | undefined;

  constructor(name: string, pauseMs: number, log: Log, run: () => Promise<unknown>) {
    this.#name = name;
    this.#pauseMs = pauseMs;
    this.#log = log;
    this.#run = run;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  /** Cuts the pause short. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake?.();
    await this.#running;
  }

  /** `run` may return how many milliseconds to pause, if not the usual. */
  async #loop(): Promise<void> {
    while (!this.#stopping) {
      this.#woken = false;
      let pause = this.#pauseMs;
      try {
        const asked = await this.#run();
        if (typeof asked === 'number') pause = asked;
        if (this.#trouble !== undefined) this.#log.info(`${this.#name} goes on`);
        this.#trouble = undefined;
      } catch (error) {
        const text = describe(error);
        if (text !== this.#trouble) this.#log.warn(`${this.#name}: ${text}`);
        this.#trouble = text;
        pause = Math.max(pause, 500);
      }
      if (!this.#stopping && !this.#woken && pause > 0) await this.#rest(pause);
    }
  }

  #rest(ms: number): Promise<void> {
    return new Promise<void>(resolve => {
      const timer = setTimeout(done, ms);
      this.#wake = done;
      function done() {
        clearTimeout(timer);
        resolve();
      }
    }).then(() => {
      this.#wake = undefined;
    });
  }
}

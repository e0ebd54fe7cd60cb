import { raise } from '../alerts/raise.ts';
import type { Config } from '../config.ts';
import type { Pool } from '../db/pool.ts';
import type { Log } from '../log.ts';
import { lookHome } from './home.ts';

/** Lets healing begin: not in observe mode, and not in a database that was cloned until a person says that it is home. */
export class Gate {
  readonly #pool: Pool;
  readonly #url: string;
  readonly #config: Pick<Config, 'mode'>;
  readonly #log: Log;
  readonly #then: () => void;
  #told = false;
  #opened = false;

  constructor(pool: Pool, url: string, config: Pick<Config, 'mode'>, log: Log, then: () => void) {
    this.#pool = pool;
    this.#url = url;
    this.#config = config;
    this.#log = log;
    this.#then = then;
  }

  async mayHeal(): Promise<boolean> {
    if (this.#config.mode !== 'heal') return false;
    const home = await lookHome(this.#pool, this.#url);
    if (!home.known && !this.#told) {
      this.#told = true;
      const text = `this database was cloned, restored or renamed (it is now ${home.database} on ${home.host}): observing until \`evenkeel resume database\``;
      this.#log.warn(text);
      await raise(this.#pool, 'clone', undefined, text);
    }
    return home.known;
  }

  /** Asked again and again; what follows happens once. */
  async open(): Promise<void> {
    if (this.#opened || !(await this.mayHeal())) return;
    this.#opened = true;
    this.#then();
  }
}

import { type Pool, describe, transaction } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import { type Bound, bind, searchPath } from '../ask/bind.ts';
import { printRemedies } from '../declare/print.ts';
import { inOrder } from '../heal/order.ts';
import type { Log } from '../log.ts';

/**
 * This process's invariants, bound to the database as it is now. One that can't be bound or asked is set aside with its
 * error while the others go on, and is tried again; tables may change while we run.
 */
export class Bindings {
  readonly #pool: Pool;
  readonly #invariants: readonly Invariant[];
  readonly #log: Log;
  #bound: readonly Bound[] = [];
  #boundAt = -Infinity;
  /** Failed since they were bound. */
  readonly #doubtful = new Set<string>();
  #standing: ReadonlySet<string> = new Set();
  /** Name → error of those that can't be bound. */
  readonly failed = new Map<string, EvenkeelError>();

  constructor(pool: Pool, invariants: readonly Invariant[], log: Log) {
    this.#pool = pool;
    this.#invariants = invariants;
    this.#log = log;
  }

  /** All that could be bound, in the fixed order of healing. */
  get all(): readonly Bound[] {
    return this.#bound;
  }

  /** Those that this process stands for: no newer definition is alive. */
  get own(): Bound[] {
    return this.all.filter(bound => this.#standing.has(bound.name));
  }

  /** Names of those that can't be bound as things are. */
  get unbound(): string[] {
    return [...this.failed.keys()];
  }

  async standing(ask: (bounds: readonly Bound[]) => Promise<ReadonlySet<string>>): Promise<void> {
    const now = await ask(this.all);
    for (const { name } of this.all) {
      if (this.#standing.has(name) && !now.has(name))
        this.#log.warn(`${name}: a newer definition is alive; standing down`);
    }
    this.#standing = now;
  }

  /** Binds anew what failed, and every minute everything. */
  async tend(): Promise<void> {
    if (performance.now() - this.#boundAt > 60_000) return this.refresh();
    const names = new Set([...this.#doubtful, ...this.failed.keys()]);
    if (names.size > 0) await this.refresh(names);
  }

  /**
   * Binds everything anew, or some. A database that is down is an error; an invariant that can't be bound is not.
   */
  async refresh(names?: ReadonlySet<string>): Promise<void> {
    const schemas = await transaction(this.#pool, { statement: 10_000, schemas: ['public'] }, async tx => {
      await tx.query('set local search_path to default');
      return searchPath(tx);
    });
    const bound: Bound[] = [];
    for (const invariant of this.#invariants) {
      const known = this.#bound.find(({ name }) => name === invariant.name);
      const one = names?.has(invariant.name) === false ? known : await this.#bind(invariant, schemas);
      if (one) bound.push(one);
    }
    this.#bound = inOrder(bound);
    if (!names) this.#boundAt = performance.now();
    for (const name of names ?? this.#doubtful) this.#doubtful.delete(name);
  }

  async #bind(invariant: Invariant, schemas: readonly string[]): Promise<Bound | undefined> {
    try {
      const limits = { readOnly: true, statement: 10_000, lock: 2_000, schemas };
      const bound = await transaction(this.#pool, limits, tx => bind(tx, invariant, schemas));
      if (this.failed.delete(invariant.name)) this.#log.info(`${invariant.name} can be asked again`);
      return bound;
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      if (this.failed.get(invariant.name)?.message !== error.message) {
        const level = error.code === 'not-read-yet' ? 'info' : 'error';
        this.#log[level]({ code: error.code, hint: error.hint }, error.located);
      }
      this.failed.set(invariant.name, error);
      await this.#noteUnbound(invariant, error);
      return undefined;
    }
  }

  async #noteUnbound(invariant: Invariant, error: EvenkeelError): Promise<void> {
    await this.#pool.query(
      `insert into evenkeel.invariant as i (name, hash, says, on_table, key, heal, mode, guard, failed_at, failed_why)
       values ($1, '', $2, $3, '{}', $4, $5, $6, clock_timestamp(), $7)
       on conflict (name) do update set failed_at = excluded.failed_at, failed_why = excluded.failed_why`,
      [
        invariant.name,
        invariant.says,
        invariant.on.table,
        printRemedies(invariant.heal),
        invariant.mode,
        invariant.guard,
        error.message,
      ],
    );
  }

  /** The same for one that can't be healed or asked under way, said in the log. */
  async setAside(name: string, error: unknown): Promise<void> {
    this.#log.warn(`${name}: ${describe(error)}`);
    await this.fail(name, error);
  }

  /**
   * Notes in the ledger that an invariant can't be asked; the database may not be what it was bound to any more.
   * @param pass a sweep couldn't: it begins again, later. One key that can't be asked ends no sweep.
   */
  async fail(name: string, error: unknown, pass = false): Promise<void> {
    this.#doubtful.add(name);
    await this.#pool.query(
      `update evenkeel.invariant
          set failed_at = clock_timestamp(), failed_why = $2, cursor = case when $3 then null else cursor end,
              pass_started_at = case when $3 then null else pass_started_at end,
              next_pass_at = case when $3 then clock_timestamp() + interval '10 seconds' else next_pass_at end
        where name = $1`,
      [name, describe(error), pass],
    );
  }
}

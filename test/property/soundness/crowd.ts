import type pg from 'pg';
import { sqlState } from '../../../src/db/pool.ts';
import type { FreshDatabase } from '../../support/database.ts';
import type { Tape } from '../tape.ts';

/**
 * A few connections whose transactions interleave as the tape says. A statement that waits for a lock is left waiting while
 * others go on; whether it waits Postgres is asked, so that the same tape makes the same history.
 */
export class Crowd {
  readonly #members: readonly Member[];
  readonly #watch: pg.Client;
  /** What was done, for a person to read. */
  history: string[] = [];
  readonly done = { committed: 0, rolledBack: 0, waited: 0, failed: 0, serial: 0, savepoints: 0 };

  private constructor(members: readonly Member[], watch: pg.Client) {
    this.#members = members;
    this.#watch = watch;
  }

  static async gather(db: FreshDatabase, size: number): Promise<Crowd> {
    const members: Member[] = [];
    for (let i = 0; i < size; i++) {
      const connection = await db.client();
      await connection.query(`set deadlock_timeout = '2ms'; set client_min_messages = error`);
      const { rows } = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
      members.push({
        connection,
        pid: rows[0]?.pid ?? 0,
        name: String.fromCodePoint(65 + i),
        waiting: undefined,
        open: undefined,
      });
    }
    return new Crowd(members, await db.client());
  }

  /** So many steps, then every transaction ends. `between` is called now and then, while nobody holds a whole table. */
  async act(tape: Tape, steps: number, next: () => string, between: () => Promise<void>): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const free = this.#members.filter(one => !one.waiting);
      if (free.length === 0) await this.#somebody();
      else await this.#step(tape, tape.pick(free), next);
      if (tape.chance(6) && !this.#members.some(one => one.open?.truncated)) await between();
    }
    for (;;) {
      const open = this.#members.filter(one => one.open);
      if (open.length === 0) return;
      const free = open.filter(one => !one.waiting);
      if (free.length === 0) await this.#somebody();
      else await this.#end(tape, tape.pick(free));
    }
  }

  async #step(tape: Tape, one: Member, next: () => string): Promise<void> {
    if (!one.open) {
      const level = tape.pick(['read committed', 'repeatable read']);
      one.open = { savepoint: false, truncated: false };
      return this.#say(one, `begin isolation level ${level}`);
    }
    const kind = tape.weighed({ deed: 14, end: 3, savepoint: 2, back: one.open.savepoint ? 2 : 0 });
    if (kind === 'end') return this.#end(tape, one);
    if (kind === 'savepoint') {
      one.open.savepoint = true;
      this.done.savepoints++;
      return this.#say(one, 'savepoint mine');
    }
    if (kind === 'back') return this.#say(one, 'rollback to mine');
    const text = next();
    if (text.startsWith('truncate')) one.open.truncated = true;
    return this.#say(one, `savepoint this; ${text}`);
  }

  async #end(tape: Tape, one: Member): Promise<void> {
    const commits = tape.chance(80);
    one.open = undefined;
    this.done[commits ? 'committed' : 'rolledBack']++;
    await this.#say(one, commits ? 'commit' : 'rollback');
    for (const other of this.#members) await this.#settle(other);
  }

  async #say(one: Member, text: string): Promise<void> {
    this.history.push(`${one.name}: ${text}`);
    one.waiting = one.connection.query(text).then(
      () => void (one.waiting = undefined),
      (error: unknown) => this.#failed(one, error),
    );
    await this.#settle(one);
    if (one.waiting !== undefined) this.done.waited++;
  }

  /** What a constraint or another transaction forbids doesn't happen. */
  async #failed(one: Member, error: unknown): Promise<void> {
    const state = sqlState(error) ?? '';
    if (!/^(23|22|21|40|55)/.test(state)) throw error;
    const whole = state.startsWith('40');
    this.done[whole ? 'serial' : 'failed']++;
    this.history.push(`${one.name}: -- ${state}: ${whole ? 'rollback' : 'rollback to this'}`);
    await one.connection.query(whole ? 'rollback' : 'rollback to this');
    if (whole) one.open = undefined;
    one.waiting = undefined;
  }

  /** Until its statement is done, or waits for somebody. */
  async #settle(one: Member): Promise<void> {
    while (one.waiting) {
      const blocked = this.#watch.query('select from pg_blocking_pids($1) as p where p <> $2', [
        one.pid,
        '{}',
      ]);
      await Promise.race([one.waiting, blocked]);
      const { rowCount } = await blocked;
      if (rowCount) return;
    }
  }

  /** All wait: for a deadlock to be found. */
  async #somebody(): Promise<void> {
    await Promise.race(this.#members.map(one => one.waiting ?? new Promise<void>(() => {})));
    for (const one of this.#members) await this.#settle(one);
  }
}

interface Member {
  readonly connection: pg.Client;
  readonly pid: number;
  readonly name: string;
  waiting: Promise<void> | undefined;
  open: { savepoint: boolean; truncated: boolean } | undefined;
}

/**
 * Heals that can be stopped between any two of their statements, so that an interleaving is forced and not hoped for.
 * Everything is real: what waits is this process, right before it sends the statement.
 */
import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { type Pool, createPool } from '../../src/db/pool.ts';
import { migrate } from '../../src/db/migrate.ts';
import type { Bound } from '../../src/ask/bind.ts';
import { type Outcome, type Ward, healBatch } from '../../src/heal/batch.ts';
import { journal } from '../../src/journal/record.ts';
import { createLog } from '../../src/log.ts';
import { Bindings } from '../../src/roster/bindings.ts';
import { stand } from '../../src/roster/roster.ts';
import type { FreshDatabase } from './database.ts';
import { type Keel, keelOn } from './keel.ts';
import { until } from './wait.ts';

export interface Stage {
  readonly keel: Keel;
  /** A full sweep that heals nothing: the ledger lists what is wrong. */
  sweep(): Promise<void>;
  bound(name: string): Bound;
  /** One heal transaction for at most `limit` violations of one invariant, as a worker would begin it now. */
  heal(name: string, limit?: number): Promise<Outcome>;
  /** The next heal transaction, stopped right before its first statement that matches, or right after it. */
  healUntil(point: Point, name: string, limit?: number): Promise<Stopped>;
}

export type Point = RegExp | { readonly after: RegExp };

export interface Stopped {
  /** Backend of the heal. */
  readonly pid: number;
  /** Lets it run to its end. */
  go(): Promise<Outcome>;
}

/** Before the claim; before rows are locked; before the look; before the write; before verification; before the end. */
export const at = {
  claim: /from evenkeel\.violation v\s+where .* for update of v skip locked/s,
  lock: /for (no key )?update of t skip locked/,
  write: /pg_stat_xact_user_tables/,
  insert: /^\s*insert into (?!evenkeel)/,
  deferred: /^set constraints all immediate/,
  crosscheck: /pg_advisory_xact_lock(_shared)?\(4527/,
  journal: /insert into evenkeel\.entry/,
  commit: /^commit/,
};

export async function stageOn(
  db: FreshDatabase,
  files: Parameters<typeof keelOn>[1],
  options: { lockedMs?: number; url?: string } = {},
): Promise<Stage> {
  const url = options.url ?? db.url;
  const keel = keelOn(db, files, { EVENKEEL_MODE: 'observe' });
  const pool = createPool(url, 6);
  onTestFinished(() => void pool.end());
  await migrate(pool);
  const bindings = new Bindings(pool, keel.invariants, createLog(readConfig({}).log));
  await bindings.refresh();
  const self = { id: randomUUID(), version: 'test' };
  await bindings.standing(bounds => stand(pool, self, bounds, bindings.unbound));
  const bound = (name: string): Bound => {
    const found = bindings.all.find(one => one.name === name);
    if (!found) throw bindings.failed.get(name) ?? new Error(`no invariant ${name}`);
    return found;
  };
  // Long enough for a test to act while a heal stands still; short limits have tests of their own.
  const ward = (over: Pool): Ward => ({
    pool: over,
    all: () => bindings.all,
    journal,
    repeats: 1_000,
    lockedMs: options.lockedMs ?? 30_000,
  });
  const heal = (name: string, limit = 100, over = pool) =>
    healBatch(ward(over), bound(name), limit, undefined);
  return {
    keel,
    sweep: () => keel.once(),
    bound,
    heal,
    async healUntil(point, name, limit) {
      const halting = haltingAt(pool, point);
      const outcome = heal(name, limit, halting.pool);
      outcome.catch(() => undefined);
      const pid = await Promise.race([halting.reached, outcome.then(() => undefined)]);
      if (pid === undefined) throw new Error(`the heal ended before ${inspect(point)}`);
      return {
        pid,
        go: () => {
          halting.release();
          return outcome;
        },
      };
    },
  };
}

/** A pool whose clients wait at the point. */
function haltingAt(pool: Pool, point: Point) {
  const [pattern, after] = point instanceof RegExp ? [point, false] : [point.after, true];
  let reach: (pid: number) => void = () => undefined;
  let release: () => void = () => undefined;
  const reached = new Promise<number>(resolve => (reach = resolve));
  const released = new Promise<void>(resolve => (release = resolve));
  let halted = false;
  let armed = !after;
  const connect = async () => {
    const client = await pool.connect();
    const query = async (statement: string | { text: string }, ...rest: unknown[]) => {
      const text = typeof statement === 'string' ? statement : statement.text;
      if (!halted && armed && (after || pattern.test(text))) {
        halted = true;
        reach((client as unknown as { processID: number }).processID);
        await released;
      }
      armed ||= pattern.test(text);
      return (client.query as (...args: unknown[]) => Promise<unknown>).call(client, statement, ...rest);
    };
    return new Proxy(client, {
      get(target, name) {
        if (name === 'query') return query;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  const halting = new Proxy(pool, {
    get: (target, name) => {
      if (name === 'connect') return connect;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { pool: halting, reached, release };
}

/**
 * A gate that statements of the database pass: `perform gate()` in a trigger waits while the gate is shut, however short
 * the lock_timeout of whoever comes through.
 */
export interface Gate {
  /** The backend that waits at it. */
  reached(): Promise<number>;
  open(): Promise<void>;
}

export async function shutGate(db: FreshDatabase): Promise<Gate> {
  await db.sql(`create or replace function gate() returns void language plpgsql set lock_timeout = '0' as $$
    begin perform pg_advisory_lock_shared(99, 1); perform pg_advisory_unlock_shared(99, 1); end $$`);
  const keeper = await db.client();
  await keeper.query('select pg_advisory_lock(99, 1)');
  return {
    reached: () =>
      until(
        async () => {
          const rows = await db.sql(
            `select pid from pg_locks where locktype = 'advisory' and classid = 99 and not granted
                and database = (select oid from pg_database where datname = current_database())`,
          );
          return (rows[0] as { pid: number } | undefined)?.pid;
        },
        { what: 'somebody to come to the gate' },
      ),
    open: async () => void (await keeper.query('select pg_advisory_unlock(99, 1)')),
  };
}

/** Grace and backoff end now, without waiting for them. */
export const makeDue = (db: FreshDatabase) =>
  db.sql(
    `update evenkeel.violation set due_at = clock_timestamp() - interval '1 second' where state in ('open', 'approved')`,
  );

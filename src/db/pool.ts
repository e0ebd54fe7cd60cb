import { createHash } from 'node:crypto';
import pg from 'pg';
import { EvenkeelError } from '../errors.ts';

export type Pool = pg.Pool;
/** A connection inside a transaction that `transaction` opened. */
export type Tx = pg.PoolClient;

/** What a transaction may cost the application: each in milliseconds. */
export interface Limits {
  /** One statement. */
  statement: number;
  /** Waiting for one lock; below deadlock_timeout (1 s), so that we lose a deadlock and not the application. */
  lock?: number;
  /** Between two statements: a stopped or cut-off process must not hold anybody's rows. */
  idle?: number;
  readOnly?: boolean;
  /** One snapshot for all statements. */
  snapshot?: boolean;
  /** The same few statements come again and again: each is planned once a connection, whatever its values, where that can be. */
  prepared?: boolean;
  schemas: readonly string[];
}

export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** A text[] as Postgres writes it: arrays of arrays have no other way through a parameter. */
export const arrayText = (items: readonly (string | null)[]): string => `{${items.map(element).join(',')}}`;

function element(item: string | null): string {
  if (item === null) return 'null';
  return `"${/["\\]/.test(item) ? item.replaceAll('\\', '\\\\').replaceAll('"', '\\"') : item}"`;
}

/** Rows as arrays of raw text: exact for every type, and never parsed. */
export async function ask(tx: Tx, text: string, values: unknown[] = []): Promise<(string | null)[][]> {
  const name = preparing.has(tx) ? { name: nameOf(text) } : {};
  const result = await tx.query<(string | null)[]>({ ...name, text, values, rowMode: 'array', types: raw });
  return result.rows;
}
const nameOf = (text: string): string => `evenkeel_${createHash('sha1').update(text).digest('hex')}`;
const raw = { getTypeParser: () => (value: unknown) => value };

/** @param patienceMs how long an answer is waited for on this side: a server that was cut off never says no */
export function createPool(url: string, max: number, patienceMs?: number): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    application_name: 'evenkeel',
    keepAlive: true,
    ...(patienceMs === undefined ? {} : { query_timeout: patienceMs }),
  });
  // A connection that dies is replaced at the next use; whether idle or lent, without a listener it would end the process.
  pool.on('error', () => {});
  pool.on('connect', client => client.on('error', () => {}));
  return pool;
}

/**
 * Runs `work` in one READ COMMITTED transaction (REPEATABLE READ with `snapshot`), whatever the database's default.
 * Every setting is SET LOCAL, so that it holds behind a pooler in transaction mode and never leaks to another client:
 * search_path pinned with pg_temp last (a temporary table must not stand in for a real one), row_security off (a policy
 * that would hide rows becomes an error), text output pinned so that images compare the same everywhere.
 */
export async function transaction<T>(pool: Pool, limits: Limits, work: (tx: Tx) => Promise<T>): Promise<T> {
  const tx = await pool.connect();
  let broken: Error | undefined;
  try {
    if (limits.prepared && !forgetful.has(pool) && (await leadsToServer(tx))) preparing.add(tx);
    await tx.query(opening(limits, preparing.has(tx)));
    const result = await work(tx);
    await tx.query('commit');
    return result;
  } catch (error) {
    await tx.query('rollback').catch((failed: Error) => (broken = failed));
    if (preparing.has(tx) && unprepared.has(sqlState(error) ?? '')) {
      forgetful.add(pool);
      broken ??= error as Error;
    }
    throw error;
  } finally {
    preparing.delete(tx);
    tx.release(broken);
  }
}

/**
 * One small statement that comes every second or so for as long as the process lives, outside any transaction: planned once a
 * connection, where that can be, for planning it costs several times what it does.
 */
export async function often<Row extends pg.QueryResultRow>(
  pool: Pool,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const connection = await pool.connect();
  let broken: Error | undefined;
  try {
    if (!forgetful.has(pool) && (await leadsToServer(connection))) {
      try {
        return (await connection.query<Row>({ name: nameOf(text), text, values })).rows;
      } catch (error) {
        const state = sqlState(error) ?? '';
        // A migration may have given its result another shape.
        if (!unprepared.has(state) && state !== '0A000') throw error;
        if (unprepared.has(state)) forgetful.add(pool);
        broken = error as Error;
      }
    }
    return (await connection.query<Row>(text, values)).rows;
  } catch (error) {
    // The next one may lead to a server that can answer.
    broken = error as Error;
    throw error;
  } finally {
    connection.release(broken);
  }
}

/** Connections whose transaction under way was opened with `prepared`. */
const preparing = new WeakSet<Tx>();

/**
 * Behind a pooler, the next transaction may meet a server that never heard of what was prepared. A pooler makes up the process id
 * that it greets with.
 */
async function leadsToServer(tx: Tx): Promise<boolean> {
  const known = direct.get(tx);
  if (known !== undefined) return known;
  const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
  const greeted = (tx as unknown as { processID: number | null }).processID;
  direct.set(tx, rows[0]?.pid === greeted);
  return rows[0]?.pid === greeted;
}
const direct = new WeakMap<Tx, boolean>();

/** Pools behind something that loses what was prepared, or has it already, and looks like a server all the same. */
const forgetful = new WeakSet<Pool>();
/** There is no such prepared statement; there is one already. */
const unprepared = new Set(['26000', '42P05']);

function opening(limits: Limits, prepared: boolean): string {
  const path = [...limits.schemas, 'pg_temp'].map(quote).join(', ');
  const settings = {
    search_path: path,
    row_security: 'off',
    datestyle: `'ISO, MDY'`,
    intervalstyle: 'postgres',
    extra_float_digits: '1',
    bytea_output: 'hex',
    jit: 'off',
    random_page_cost: '1.1',
    statement_timeout: String(Math.ceil(limits.statement)),
    lock_timeout: String(limits.lock ?? 500),
    idle_in_transaction_session_timeout: String(limits.idle ?? 10_000),
    ...(prepared ? { plan_cache_mode: 'force_generic_plan' } : {}),
  };
  const mode = `isolation level ${limits.snapshot ? 'repeatable read' : 'read committed'}${limits.readOnly ? ' read only' : ''}`;
  return [`begin ${mode}`, ...Object.entries(settings).map(([k, v]) => `set local ${k} = ${v}`)].join('; ');
}

/** The SQLSTATE of a Postgres error, or of the one that made it; undefined for anything else. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof EvenkeelError) return sqlState(error.cause);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Somebody else was in the way, or the server was: the same transaction may well succeed later. */
export function isCollision(error: unknown): boolean {
  return ['40001', '40P01', '55P03', '57014', '25P03'].includes(sqlState(error) ?? '');
}

/** The server or the way to it is gone (or it refuses for now); waiting helps. */
export function isDown(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return /^(08|57P0|53)/.test(state) || state === '25P03' || state === '58P01';
  const { code, message } = error as { code?: string; message?: string };
  if (code && /^(ECONN|EPIPE|ENOTFOUND|EHOST|ENETUNREACH|ETIMEDOUT|EAI_AGAIN|ENOENT)/.test(code)) return true;
  return /connection terminated|timeout exceeded when trying to connect|connection ended|not queryable|^query read timeout/i.test(
    message ?? '',
  );
}

/**
 * A sentence without row values: Postgres puts those into `detail`, which is left out, and those that it couldn't read
 * (`invalid input syntax for type integer: "…"`) behind a colon.
 */
export function describe(error: unknown): string {
  if (error instanceof EvenkeelError) return error.message;
  const state = sqlState(error);
  const message = error instanceof Error ? error.message : String(error);
  if (state === undefined) return message;
  return `${state.startsWith('22') ? message.replace(/: ".*"/s, '') : message} (${state})`;
}

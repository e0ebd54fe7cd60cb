import type pg from 'pg';
import { until } from './wait.ts';

/**
 * Waits until a backend waits for a lock, for forced interleavings: start a statement in one connection, wait
 * here until it hangs on another's lock, go on. Resolves to the pids that it waits for.
 */
export async function untilBlocked(pool: pg.Pool, pid: number): Promise<number[]> {
  const found = await until(
    async () => {
      const { rows } = await pool.query<{ by: number[] }>('select pg_blocking_pids($1) as by', [pid]);
      return rows[0] && rows[0].by.length > 0 ? rows[0] : undefined;
    },
    { what: `backend ${pid} to wait for a lock` },
  );
  return found.by;
}

/** The backend of a connection, to be asked before it blocks. */
export async function pidOf(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]!.pid;
}

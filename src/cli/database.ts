import type { Config } from '../config.ts';
import { type Pool, createPool } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';

/** @throws no-database */
export function requireUrl(config: Config): string {
  if (config.databaseUrl !== undefined) return config.databaseUrl;
  throw new EvenkeelError('no-database', 'DATABASE_URL is not set');
}

/** A short-lived pool, for one command. */
export async function withPool<T>(config: Config, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = createPool(requireUrl(config), 2);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

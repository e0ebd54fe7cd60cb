import type { Config } from '../config.ts';
import { type Pool, createPool } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import { withScratch } from '../scratch/scratch.ts';
import type { Call } from './commands.ts';
import { clean, count } from '../show/text.ts';

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

/** The database; with --schema a scratch one, which only has this schema. What it lacks is noted. */
export async function withSchema<T>(
  { config, given, out }: Call,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const { schema: schemaFile } = given;
  if (schemaFile === undefined) return withPool(config, work);
  return withScratch({ schemaFile }, {}, ({ url, left, rows }) => {
    for (const { line, statement, why } of left) {
      out.note(`${schemaFile}:${line}: left out: ${clean(statement)}: ${clean(why)}`);
    }
    if (rows > 0) out.note(`${schemaFile}: ${count(rows, 'row')} passed over: only the schema counts here`);
    return withPool({ ...config, databaseUrl: url }, work);
  });
}

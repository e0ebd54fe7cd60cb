import type { Pool } from '../db/pool.ts';

/**
 * A pool whose `query` can only read, and not for long: whoever loads pages must not hold the database up. Its `connect` is the
 * pool's own.
 * @param mostMs the longest that one question may take
 */
export function reading(pool: Pool, mostMs = 5_000): Pool {
  const query = async (text: string, values?: unknown[]) => {
    const client = await pool.connect();
    let broken: Error | boolean = false;
    try {
      await client.query(`begin read only; set local statement_timeout = ${mostMs}`);
      const result = await client.query(text, values);
      await client.query('commit');
      return result;
    } catch (error) {
      // A connection that gave no answer has to be closed: the next one to use it would wait behind.
      if ((error as { code?: unknown }).code === undefined) broken = true;
      else await client.query('rollback').catch((failed: Error) => (broken = failed));
      throw error;
    } finally {
      client.release(broken);
    }
  };
  return Object.assign(Object.create(pool) as Pool, { query, connect: pool.connect.bind(pool) });
}

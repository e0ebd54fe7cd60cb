/** Two identical shops, one of them watched. Whatever happens, happens to both. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Write } from './operations.ts';

export interface Twins {
  readonly watched: Pool;
  readonly bare: Pool;
}

/** Commits the writes as one transaction in each shop. Gives the transaction's id in the watched one. */
export async function commit({ watched, bare }: Twins, writes: readonly Write[]): Promise<string> {
  const [xid] = await Promise.all([commitTo(watched, writes), commitTo(bare, writes)]);
  return xid;
}

/** A deadlock or a lock that lasts is tried again, as applications do: both shops have to get there. */
async function commitTo(shop: Pool, writes: readonly Write[]): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const connection = await shop.connect();
    let lost: Error | undefined;
    const fell = (error: Error) => (lost = error);
    connection.on('error', fell);
    try {
      await connection.query('begin');
      for (const { sql, values } of writes) await connection.query(sql, [...values]);
      const { rows } = await connection.query<{ xid: string }>(
        'select pg_current_xact_id()::xid::text as xid',
      );
      await connection.query('commit');
      return rows[0]!.xid;
    } catch (error) {
      await connection.query('rollback').catch(fell);
      const state = (error as { code?: string }).code;
      if (attempt === 10 || !['40P01', '40001', '55P03'].includes(state ?? '')) throw error;
      await delay(20 * attempt);
    } finally {
      connection.off('error', fell);
      connection.release(lost);
    }
  }
}

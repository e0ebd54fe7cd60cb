import type { Pool } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import { timeOf } from '../journal/since.ts';

/** `--since`. @throws wrong-use */
export async function since(pool: Pool, text: string): Promise<Date> {
  const at = await timeOf(pool, text);
  if (at) return at;
  throw new EvenkeelError('wrong-use', `--since ${text}: expected a time span or a date`, {
    hint: 'For example --since 15m, --since 3d, or --since "2026-11-23 14:00".',
  });
}

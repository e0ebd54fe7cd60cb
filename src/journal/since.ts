import type { Pool } from '../db/pool.ts';
import { attempt } from '../declare/fault.ts';
import { duration } from '../declare/values.ts';

/**
 * `15m`, `2h`, `3d` before now on the database's clock, or a date with or without time (of this machine's time zone, unless
 * it names one); undefined where it is none of these.
 */
export async function timeOf(pool: Pool, text: string): Promise<Date | undefined> {
  const back = attempt(() => duration(text));
  if ('value' in back) {
    const { rows } = await pool.query<{ at: Date }>(
      'select clock_timestamp() - make_interval(secs => $1::float8 / 1000) as at',
      [back.value],
    );
    return (rows[0] as { at: Date }).at;
  }
  // A date alone would be read as midnight in Greenwich.
  const local = /^\d{4}-\d{2}-\d{2}$/.test(text)
    ? `${text}T00:00`
    : text.replace(/^(\d{4}-\d{2}-\d{2}) /, '$1T');
  const at = new Date(local);
  return /^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(at.getTime()) ? at : undefined;
}

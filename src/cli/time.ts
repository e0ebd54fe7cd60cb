import type { Pool } from '../db/pool.ts';
import { attempt } from '../declare/fault.ts';
import { duration } from '../declare/values.ts';
import { EvenkeelError } from '../errors.ts';

/** How long, in one unit: `40 ms`, `3 s`, `12 min`, `5 h`, `2 d`. */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ['s', 1000];
  const n = ms / size;
  return `${n < 10 && unit === 's' ? n.toFixed(1).replace('.0', '') : Math.floor(n)} ${unit}`;
}
const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

export const between = (from: Date, to: Date): string => span(to.getTime() - from.getTime());

/** `2026-11-23 19:04:11`, in the time zone of this machine. */
export function moment(at: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${clock(at)}`;
}

export const clock = (at: Date): string =>
  [at.getHours(), at.getMinutes(), at.getSeconds()].map(n => String(n).padStart(2, '0')).join(':');

/**
 * `15m`, `2h`, `3d` before now on the database's clock, or a date with or without time (of this machine's time zone, unless
 * it names one).
 * @throws wrong-use
 */
export async function since(pool: Pool, text: string): Promise<Date> {
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
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(at.getTime())) return at;
  throw new EvenkeelError('wrong-use', `--since ${text}: expected a time span or a date`, {
    hint: 'For example --since 15m, --since 3d, or --since "2026-11-23 14:00".',
  });
}

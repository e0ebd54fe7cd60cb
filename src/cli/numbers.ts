import { EvenkeelError } from '../errors.ts';
import type { Given } from './flags.ts';

const mostListed = 10_000;

/** `--limit`, or 50. @throws wrong-use */
export function limitOf({ limit }: Given): number {
  if (limit === undefined) return 50;
  const n = /^\d{1,6}$/.test(limit) ? Number(limit) : 0;
  if (n >= 1 && n <= mostListed) return n;
  throw new EvenkeelError('wrong-use', `--limit ${limit}: expected a whole number from 1 to ${mostListed}`);
}

/** Numbers that a list printed, perhaps with its `#`. @throws wrong-use */
export function idsOf(args: readonly string[], list: string): string[] {
  return [...new Set(args.map(arg => idOf(arg, list)))];
}

export function idOf(text: string, list: string): string {
  const id = text.replace(/^#/, '');
  if (/^[1-9]\d{0,17}$/.test(id)) return id;
  throw new EvenkeelError('wrong-use', `'${text}' is no number that \`evenkeel ${list}\` prints`);
}

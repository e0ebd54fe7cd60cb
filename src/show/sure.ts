import type { Sureness } from '../find/overview.ts';
import { between } from './time.ts';

/** What isn't here was not wrong, or wasn't found: how sure is that? */
export function complete({ at, kind, verifiedAt, position, provedAt, escapes }: Sureness): string {
  const where = position === null ? '' : ` (${position})`;
  return [
    verifiedAt === null
      ? kind === 'sweeps'
        ? 'changes are found by sweeps'
        : 'no change was looked at yet'
      : `changes looked at up to ${between(verifiedAt, at)} ago${where}`,
    provedAt === null
      ? 'not every row was looked at yet'
      : `every row looked at since ${between(provedAt, at)} ago`,
    `${escapes} missed by capture`,
  ].join(' · ');
}

import { userInfo } from 'node:os';
import type { Given } from './flags.ts';

/** Who decides: `--by`, or the account that runs this. */
export function byWhom({ by }: Given): string {
  if (by !== undefined) return by;
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}

import { userInfo } from 'node:os';

/** The account that runs this process. */
export function account(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}

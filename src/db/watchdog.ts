/**
 * Ends a server whose parent died, however it died.
 *
 * A shell holds the read end of a pipe whose other end only the parent has. Each line names the process to end
 * (`-` means none). End of file means that the parent closed the pipe or is gone: then the process gets SIGQUIT,
 * on which Postgres takes all its children along, and the folder is removed. The shell runs in a session of its
 * own, so that a signal to the parent's group doesn't reach it, and as the account that owns the server.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { serverEnv, type Account } from './binaries.ts';

// The lock file goes when the server has gone; the process may stay as a zombie where nobody reaps orphans.
const script = `
pid=-
while read -r line; do pid=$line; done
if [ "$pid" != - ]; then
  kill -QUIT "$pid"
  n=0
  while kill -0 "$pid" && [ "$n" -lt 100 ]; do
    if [ "$n" -gt 10 ] && [ ! -e "$1/data/postmaster.pid" ]; then break; fi
    sleep 0.1
    n=$((n + 1))
  done
  kill -KILL "$pid"
fi
if [ "$2" = remove ]; then
  for n in 1 2 3 4 5; do rm -rf -- "$1" && break; sleep 0.2; done
fi
`;

export interface Watchdog {
  /** Names the process to end should we die, or none. */
  watch(pid: number | undefined): void;
  /** Ends the process, removes the folder if asked to, resolves when both are done. */
  end(): Promise<void>;
}

export function startWatchdog(dir: string, remove: boolean, account: Account): Watchdog {
  const shell = spawn('/bin/sh', ['-c', script, 'evenkeel-watchdog', dir, remove ? 'remove' : 'keep'], {
    ...account,
    cwd: '/',
    detached: true,
    env: serverEnv,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = once(shell, 'exit').catch(() => undefined);
  const pipe = shell.stdin as Socket;
  pipe.on('error', () => undefined);
  // A forgotten server must not keep the process alive; when it ends, the pipe closes.
  shell.unref();
  pipe.unref();
  return {
    watch: pid => void pipe.write(`${pid ?? '-'}\n`),
    end: async () => {
      shell.ref();
      pipe.end();
      await gone;
    },
  };
}

/**
 * The folder of an embedded server: `data` (the cluster), `password`, `postgresql.conf` (the settings asked for, on
 * top of initdb's; ALTER SYSTEM wins over both) and `server.log` of the last start.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EvenkeelError } from '../errors.ts';
import { openTmp, serverEnv, type Account, type Binaries } from './binaries.ts';
import type { Watchdog } from './watchdog.ts';

export async function temporary(account: Account): Promise<string> {
  const dir = await mkdtemp(join(await openTmp(account), 'evenkeel-'));
  if (account.uid !== undefined && account.gid !== undefined) await chown(dir, account.uid, account.gid);
  return dir;
}

/** Runs initdb unless the folder holds a cluster already. Resolves to the password of `postgres`. */
export async function initialise(
  dir: string,
  { bin, major, account }: Binaries,
  watchdog: Watchdog,
): Promise<string> {
  const data = join(dir, 'data');
  const secret = join(dir, 'password');
  const created = await mkdir(dir, { recursive: true, mode: 0o700 });
  // A folder that exists and isn't empty keeps its owner: root must not give away what it doesn't know.
  if (
    (created || (await readdir(dir)).length === 0) &&
    account.uid !== undefined &&
    account.gid !== undefined
  ) {
    await chown(dir, account.uid, account.gid);
  }
  if (await readFile(join(data, 'PG_VERSION')).catch(() => undefined)) {
    return (await readFile(secret, 'utf8')).trim();
  }
  const password = randomBytes(24).toString('base64url');
  await put(secret, `${password}\n`, account);
  // Byte order and Unicode classes the same on every machine; the server has them built in since 17.
  const locale =
    major >= 17
      ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
      : ['--locale=C.UTF-8'];
  const flags = ['--no-sync', '--no-instructions', '--encoding=UTF8', '--auth=scram-sha-256', ...locale];
  const initdb = promisify(execFile)(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', `--pwfile=${secret}`, ...flags],
    {
      ...account,
      cwd: '/',
      env: serverEnv,
    },
  );
  watchdog.watch(initdb.child.pid);
  try {
    await initdb;
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    // What initdb leaves half done would be taken for a cluster the next time.
    await rm(data, { recursive: true, force: true });
    throw new EvenkeelError('embedded-failed', `initdb failed:\n${tail(stdout + stderr) || String(cause)}`, {
      cause,
    });
  } finally {
    watchdog.watch(undefined);
  }
  return password;
}

export async function writeSettings(
  dir: string,
  asked: Record<string, string>,
  account: Account,
): Promise<void> {
  const settings = Object.entries({ wal_level: 'logical', ...asked });
  const lines = settings.map(([name, value]) => `${name} = '${value.replace(/['\\]/g, '$&$&')}'`);
  await put(
    join(dir, 'postgresql.conf'),
    ["include 'data/postgresql.conf'", ...lines, ''].join('\n'),
    account,
  );
}

/** Writes a file for the account's eyes only. A link that the account may have put there isn't followed. */
async function put(path: string, text: string, account: Account): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600);
  try {
    await writeFile(file, text);
    if (account.uid !== undefined && account.gid !== undefined) await file.chown(account.uid, account.gid);
  } finally {
    await file.close();
  }
}

/** The end of a log, enough to see why a server gave up. */
export function tail(log: string): string {
  return log.trimEnd().split('\n').slice(-15).join('\n');
}

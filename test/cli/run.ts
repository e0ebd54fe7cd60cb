/** The real command line: `node bin/evenkeel.js` in a child process, over what `npm run build` makes of this checkout. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { inject, onTestFinished } from 'vitest';
import { until } from '../support/wait.ts';

const root = join(import.meta.dirname, '../..');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON. */
  json(): any; // oxlint-disable-line typescript/no-explicit-any -- a test knows the shape of what it reads
}

export interface Where {
  /** DATABASE_URL; undefined: none. */
  readonly url?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end. */
export async function evenkeel(where: Where, ...args: string[]): Promise<Ran> {
  const child = await start(where, ...args);
  const code = await child.ended;
  return { code, stdout: child.stdout(), stderr: child.stderr(), json: () => JSON.parse(child.stdout()) };
}

export interface Running {
  readonly process: ChildProcess;
  /** Exit code; 1000 where a signal ended it. */
  readonly ended: Promise<number>;
  stdout(): string;
  stderr(): string;
  /** Waits until standard error says it. */
  says(pattern: RegExp): Promise<void>;
}

/** Starts a command; it is killed when the test has finished. */
export async function start({ url, cwd = root, env = {} }: Where, ...args: string[]): Promise<Running> {
  await built();
  const child = spawn(process.execPath, [join(root, 'bin/evenkeel.js'), ...args], {
    cwd,
    env: {
      PATH: process.env['PATH'] ?? '',
      EVENKEEL_WEB: 'off',
      ...(url === undefined ? {} : { DATABASE_URL: url }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const ended = once(child, 'close').then(([code]) => (code as number | null) ?? 1000);
  return {
    process: child,
    ended,
    stdout: () => said.out,
    stderr: () => said.err,
    says: async pattern => {
      await until(() => pattern.test(said.err), { what: `${String(pattern)} on standard error` });
    },
  };
}

/** A folder of its own, with `invariants/` of these files. */
export async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'evenkeel-cli-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    const path = join(dir, 'invariants', name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return dir;
}

let making: Promise<void> | undefined;

/** Compiles if a source is newer than what was compiled; one test file at a time. */
export function built(): Promise<void> {
  return (making ??= make());
}

async function make(): Promise<void> {
  const lock = new pg.Client(inject('clusterUrl'));
  await lock.connect();
  try {
    await lock.query('select pg_advisory_lock(8127)');
    if (await isFresh()) return;
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    await promisify(execFile)(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root });
  } finally {
    await lock.end();
  }
}

async function isFresh(): Promise<boolean> {
  const compiled = await stat(join(root, 'dist/src/main.js')).catch(() => undefined);
  if (!compiled) return false;
  for (const entry of await readdir(join(root, 'src'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    if ((await stat(source)).mtimeMs > compiled.mtimeMs) return false;
  }
  return true;
}

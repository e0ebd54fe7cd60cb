/**
 * A real Postgres server without an installation: for the demo, the tests and a first try.
 *
 * The server listens on 127.0.0.1 only, asks for a random password, keeps everything in one folder (folder.ts)
 * and doesn't outlive the process that started it (watchdog.ts).
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { EvenkeelError } from '../errors.ts';
import { findBinaries, serverEnv, type Binaries } from './binaries.ts';
import { initialise, tail, temporary, writeSettings } from './folder.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

export interface EmbeddedOptions {
  /** Where the server lives; reused if it holds one, kept at stop. Default: a temporary folder, removed at stop. */
  dir?: string;
  /** Default: a free one. */
  port?: number;
  /** Server settings; `wal_level` is `logical` unless given. */
  settings?: Record<string, string>;
  /** Folder with other binaries, such as `/usr/lib/postgresql/15/bin`. */
  binDir?: string;
  /** Keep the temporary folder at stop. */
  keep?: boolean;
}

export interface Embedded {
  /** Superuser `postgres`, database `postgres`; stays the same over a restart. */
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  /** Of the postmaster; another one after a restart. */
  readonly pid: number;
  /** Closes all connections, shuts down cleanly, removes a temporary folder. Repeating it does nothing. */
  stop(): Promise<void>;
  /** kill -9 of the postmaster and all its children, as when the machine dies. `restart()` recovers. */
  kill(): Promise<void>;
  /** Starts again on the same folder and port, whether the server was killed or still runs. */
  restart(): Promise<void>;
}

const run = promisify(execFile);

/** Crash recovery of a large folder may take a while; more than this means that it hangs. Milliseconds. */
const patience = 60_000;

/** @throws EvenkeelError 'embedded-missing' without binaries, 'embedded-failed' with the end of the server log. */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Embedded> {
  const binaries = await findBinaries(options.binDir);
  const dir = options.dir === undefined ? await temporary(binaries.account) : resolve(options.dir);
  const watchdog = startWatchdog(dir, options.dir === undefined && options.keep !== true, binaries.account);
  try {
    const password = await initialise(dir, binaries, watchdog);
    await writeSettings(dir, options.settings ?? {}, binaries.account);
    return await serve({ dir, password, binaries, watchdog, port: options.port });
  } catch (error) {
    await watchdog.end();
    throw error;
  }
}

interface Home {
  dir: string;
  password: string;
  binaries: Binaries;
  watchdog: Watchdog;
  port: number | undefined;
}

async function serve(home: Home): Promise<Embedded> {
  let { port, server } = await launch(home);
  let ended: Promise<void> | undefined;
  return {
    url: `postgresql://postgres:${home.password}@127.0.0.1:${port}/postgres`,
    port,
    dir: home.dir,
    get pid() {
      return server.pid ?? 0;
    },
    stop: () => (ended ??= shutDown(server).then(() => home.watchdog.end())),
    kill: async () => {
      // Stopped first: one that it forks between our look and its death would be nobody's.
      server.kill('SIGSTOP');
      const orphans = await childrenOf(server.pid);
      server.kill('SIGKILL');
      // A busy backend notices the death of the postmaster late, and would hold the shared memory until then.
      for (const pid of orphans) signal(pid, 'SIGKILL');
      await exited(server);
    },
    restart: async () => {
      if (ended) throw new EvenkeelError('embedded-failed', `The server in ${home.dir} was stopped for good`);
      await shutDown(server);
      ({ server } = await launch({ ...home, port }, true));
    },
  };
}

/** Starts the server and waits until it accepts connections. Tries again what passes by itself. */
async function launch(home: Home, again = false): Promise<{ port: number; server: ChildProcess }> {
  const deadline = Date.now() + patience;
  for (;;) {
    const port = home.port ?? (await freePort());
    const server = await spawnServer(home, port);
    if (await ready(server, home.dir, deadline)) return { port, server };
    const log = await readFile(join(home.dir, 'server.log'), 'utf8');
    // What a killed server left is still going, or the port went to another between our look and the server's;
    // a port that was asked for is taken for good, unless it was ours a moment ago.
    const taken = /Address already in use|could not create any TCP\/IP sockets/.test(log);
    const passing = /is still in use/.test(log) || (taken && (home.port === undefined || again));
    if (!passing || Date.now() > deadline) {
      throw new EvenkeelError('embedded-failed', `Postgres did not start:\n${tail(log)}`);
    }
    await delay(50);
  }
}

async function spawnServer({ dir, binaries, watchdog }: Home, port: number): Promise<ChildProcess> {
  const log = join(dir, 'server.log');
  await rm(log, { force: true });
  const file = await open(log, 'wx', 0o600);
  try {
    const fixed = {
      config_file: join(dir, 'postgresql.conf'),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      logging_collector: 'off',
      lc_messages: 'C',
    };
    const flags = Object.entries(fixed).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // A session of its own: Ctrl-C is meant for us, who then shut the server down in order.
    const server = spawn(
      join(binaries.bin, 'postgres'),
      ['-D', join(dir, 'data'), '-p', String(port), ...flags],
      {
        ...binaries.account,
        cwd: '/',
        detached: true,
        env: serverEnv,
        stdio: ['ignore', file.fd, file.fd],
      },
    );
    watchdog.watch(server.pid);
    server.once('exit', () => watchdog.watch(undefined));
    server.on('error', () => undefined);
    server.unref();
    return server;
  } finally {
    await file.close();
  }
}

/** True once the lock file says that the server is ready, false if it ends before. Ends one that hangs. */
async function ready(server: ChildProcess, dir: string, deadline: number): Promise<boolean> {
  while (server.pid !== undefined && running(server)) {
    const lock = (await readFile(join(dir, 'data', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (lock[0] === String(server.pid) && /^(ready|standby)$/.test(lock[7]?.trim() ?? '')) return true;
    if (Date.now() > deadline) await shutDown(server, 'SIGQUIT');
    else await delay(10);
  }
  return false;
}

/** Fast shutdown; should a client hold it up, an immediate one after ten seconds, which costs a recovery. */
async function shutDown(server: ChildProcess, first: NodeJS.Signals = 'SIGINT'): Promise<void> {
  server.kill(first);
  const timers = [10_000, 20_000].map((after, i) =>
    setTimeout(() => server.kill(i ? 'SIGKILL' : 'SIGQUIT'), after),
  );
  await exited(server);
  timers.forEach(timer => clearTimeout(timer));
}

async function exited(server: ChildProcess): Promise<void> {
  if (!running(server)) return;
  server.ref();
  await once(server, 'exit');
}

function running(server: ChildProcess): boolean {
  return server.pid !== undefined && server.exitCode === null && server.signalCode === null;
}

async function childrenOf(parent: number | undefined): Promise<number[]> {
  if (process.platform !== 'linux') {
    const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
    const pairs = stdout.split('\n').map(line => line.trim().split(/\s+/).map(Number));
    return pairs.flatMap(([pid, ppid]) => (pid !== undefined && ppid === parent ? [pid] : []));
  }
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  // "pid (name) state ppid …", where the name may hold anything.
  return stats.flatMap(stat =>
    Number(/\) \S (\d+) [^)]*$/.exec(stat)?.[1]) === parent ? [parseInt(stat, 10)] : [],
  );
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone by itself.
  }
}

/**
 * Below the ports that systems hand to outgoing connections: one of those could take the port of a killed server
 * before it starts again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const probe = createServer();
    const free = await new Promise<boolean>(done => {
      probe.once('error', () => done(false)).listen(port, '127.0.0.1', () => done(true));
    });
    if (!free) continue;
    await new Promise(done => probe.close(done));
    return port;
  }
}

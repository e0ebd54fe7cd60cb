/** Brokers and Celery workers of a test's own: on free ports, in folders of their own, stopped by their pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from '../../src/db/embedded.ts';
import { until } from './wait.ts';

/** What can be stopped as it stands (SIGSTOP), and go on. */
interface Pausable {
  pause(): void;
  resume(): void;
}

export interface Server extends Pausable {
  readonly url: string;
  /** kill -9, of everything that belongs to it. */
  kill(): Promise<void>;
  /** Again, on the same port, with what was on disk. */
  start(): Promise<void>;
}

/** A process with its children, in a group of its own. */
class Group {
  readonly #spawn: () => ChildProcess;
  #child: ChildProcess | undefined;

  constructor(make: () => ChildProcess) {
    this.#spawn = make;
  }

  start(): ChildProcess {
    this.#child = this.#spawn();
    return this.#child;
  }

  signal(name: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined) process.kill(-this.#child.pid, name);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      return;
    }
    await gone;
  }
}

const pausing = (group: Group): Pausable => ({
  pause: () => group.signal('SIGSTOP'),
  resume: () => group.signal('SIGCONT'),
});

const open = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

async function own(name: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), `evenkeel-${name}-`));
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

export async function redis(): Promise<Server> {
  const dir = await own('redis');
  const port = await freePort();
  const group = new Group(() =>
    spawn(
      '/usr/bin/redis-server',
      [
        '--port',
        `${port}`,
        '--bind',
        '127.0.0.1',
        '--dir',
        dir,
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
        '--save',
        '',
      ],
      { stdio: 'ignore', detached: true },
    ),
  );
  const start = async () => {
    group.start();
    await until(() => open(port), { what: 'Redis' });
  };
  onTestFinished(() => group.kill());
  await start();
  return { url: `redis://127.0.0.1:${port}/0`, kill: () => group.kill(), start, ...pausing(group) };
}

export async function rabbitmq(): Promise<Server> {
  const dir = await own('rabbitmq');
  const [port, distribution, names] = [await freePort(), await freePort(), await freePort()];
  const path = (name: string) => join(dir, name);
  await writeFile(path('plugins'), '[].');
  await writeFile(path('env'), '');
  await writeFile(path('rabbitmq.conf'), 'loopback_users = none\n');
  const env = {
    PATH: process.env['PATH'],
    LANG: 'C.UTF-8',
    HOME: dir,
    RABBITMQ_NODENAME: `evenkeel${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: `${port}`,
    RABBITMQ_DIST_PORT: `${distribution}`,
    RABBITMQ_MNESIA_BASE: path('mnesia'),
    RABBITMQ_LOG_BASE: path('log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: path('plugins'),
    RABBITMQ_PID_FILE: path('pid'),
    RABBITMQ_CONF_ENV_FILE: path('env'),
    RABBITMQ_CONFIG_FILE: path('rabbitmq.conf'),
    ERL_EPMD_PORT: `${names}`,
    ERL_EPMD_ADDRESS: '127.0.0.1',
  };
  // Not the one that the server would start by itself: that would outlive it.
  const mapper = new Group(() =>
    spawn('/usr/bin/epmd', ['-port', `${names}`, '-address', '127.0.0.1'], {
      env,
      stdio: 'ignore',
      detached: true,
    }),
  );
  const server = new Group(() =>
    spawn('/usr/lib/rabbitmq/bin/rabbitmq-server', [], {
      env,
      cwd: dir,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    }),
  );
  const start = async () => {
    mapper.start();
    await until(() => open(names), { what: 'epmd' });
    const child = server.start();
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until(() => said.includes('completed with'), { what: 'RabbitMQ', timeoutMs: 60_000 });
  };
  const kill = async () => {
    await server.kill();
    await mapper.kill();
  };
  onTestFinished(kill);
  await start();
  return { url: `amqp://guest:guest@127.0.0.1:${port}`, kill, start, ...pausing(server) };
}

export interface Worker extends Pausable {
  kill(): Promise<void>;
  start(): Promise<void>;
  /** What it said so far. */
  readonly said: () => string;
}

/** A worker of the example's tasks. */
export async function celeryWorker(
  broker: string,
  database: string,
  queues = 'celery,mail',
): Promise<Worker> {
  const dir = await own('celery');
  let said = '';
  const group = new Group(() =>
    spawn(
      '/usr/bin/python3',
      [
        '-m',
        'celery',
        '-A',
        'shop',
        'worker',
        '-Q',
        queues,
        '-c',
        '2',
        '-l',
        'info',
        '--without-gossip',
        '--without-mingle',
        '--pidfile=',
      ],
      {
        cwd: join(import.meta.dirname, '../../examples/celery/worker'),
        env: {
          PATH: process.env['PATH'],
          HOME: dir,
          C_FORCE_ROOT: '1',
          PYTHONDONTWRITEBYTECODE: '1',
          BROKER_URL: broker,
          DATABASE_URL: database,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    ),
  );
  const start = async () => {
    const child = group.start();
    const from = said.length;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    await until(() => said.slice(from).includes(' ready.'), { what: 'the Celery worker', timeoutMs: 30_000 });
  };
  onTestFinished(() => group.kill());
  await start();
  return { kill: () => group.kill(), start, said: () => said, ...pausing(group) };
}

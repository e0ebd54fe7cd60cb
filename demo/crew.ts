/** Evenkeel as its users run it: child processes, `evenkeel up`, of which any may be killed. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { root } from './folders.ts';

export interface Worker {
  readonly pid: number;
  /** SIGKILL: nothing is said, nothing is put in order. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface Crew {
  readonly workers: readonly Worker[];
  hire(invariants: string): Worker;
  /** Runs another command of the CLI; gives what it printed. */
  run(...command: string[]): Promise<string>;
  /** Never resolves; rejects when a worker ends that nobody has dismissed. */
  readonly done: Promise<never>;
  dismissAll(): Promise<void>;
}

const evenkeel = fileURLToPath(new URL('bin/evenkeel.js', root));
const leash = new URL('dist/demo/leash.js', root);

export function assemble(url: string, provider: string): Crew {
  const workers: Worker[] = [];
  const { promise: done, reject: fail } = withReject();
  const env = {
    // None of the user's own settings: this is the demo's database, and nobody else is to be told of it.
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(EVENKEEL_|PG|DATABASE_URL)/.test(name)),
    ),
    DATABASE_URL: url,
    PROVIDER_URL: provider,
    EVENKEEL_SWEEP_DUTY: '0.8',
    EVENKEEL_SWEEP_PAUSE: '100ms',
    EVENKEEL_LOG: 'quiet',
    // The show serves it: its workers come and go.
    EVENKEEL_WEB: 'off',
  };

  function hire(invariants: string): Worker {
    const imports = existsSync(leash) ? ['--import', leash.href] : [];
    const child = spawn(process.execPath, [...imports, evenkeel, 'up', '--invariants', invariants], {
      env,
      cwd: fileURLToPath(root),
      // A session of its own: Ctrl-C is meant for the show, which then dismisses its workers in order.
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
    child.stdin.on('error', () => undefined);
    let dismissed = false;
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      workers.splice(workers.indexOf(worker), 1);
      if (!dismissed) fail(new Error(`Evenkeel ended by itself (${signal ?? code}):\n${said}`));
    });
    async function end(signal: NodeJS.Signals): Promise<void> {
      dismissed = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill(signal);
      const patience = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(patience);
    }
    const worker = { pid: child.pid ?? 0, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
    workers.push(worker);
    return worker;
  }

  return {
    workers,
    hire,
    run: async (...command) => {
      const { stdout } = await promisify(execFile)(process.execPath, [evenkeel, ...command], { env });
      return stdout.trim();
    },
    done,
    dismissAll: async () => void (await Promise.all([...workers].map(worker => worker.stop()))),
  };
}

function withReject(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, no) => (reject = no));
  // Whoever awaits it hears of it; until then it isn't an accident.
  promise.catch(() => undefined);
  return { promise, reject };
}

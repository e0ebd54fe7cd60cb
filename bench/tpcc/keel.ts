import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Overview, overview } from '../../src/find/overview.ts';
import { program } from './mix.ts';
import { here, root } from './place.ts';
import type { Plot } from './ground.ts';

/** What runs beside the application. */
export interface Beside {
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** Nobody: the bare application. */
export const alone = async (): Promise<Beside> => ({ pid: undefined, stop: async () => undefined });

/**
 * `evenkeel up`, as a user runs it, with what EVENKEEL_… of this environment says (EVENKEEL_CAPTURE for example); ready
 * once every row was looked at. Hot subjects are broken on purpose more often than a subject should heal.
 */
export async function keel(
  plot: Pick<Plot, 'url' | 'pool'>,
  invariants = fileURLToPath(new URL('invariants/', here)),
  more: Readonly<Record<string, string>> = {},
): Promise<Beside> {
  const own = Object.entries(process.env).filter(([name]) => /^EVENKEEL_(?!TEST)/.test(name));
  const env = {
    PATH: process.env['PATH'],
    EVENKEEL_REPEATS: '1000000',
    ...Object.fromEntries(own),
    ...more,
    DATABASE_URL: plot.url,
    EVENKEEL_INVARIANTS: invariants,
    EVENKEEL_WEB: 'off',
  };
  const evenkeel = (...args: string[]) =>
    spawn(process.execPath, [fileURLToPath(new URL('bin/evenkeel.js', root)), ...args], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  // A slot needs nothing installed; triggers do.
  if (env['EVENKEEL_CAPTURE' as keyof typeof env] === 'triggers')
    await ended(evenkeel('install', '--triggers'));
  const child = watched(evenkeel('up'));
  for (;;) {
    child.check();
    const now = await overview(plot.pool).catch(() => undefined);
    if (now && looked(now)) break;
    await delay(250);
  }
  return { pid: child.process.pid, stop: child.stop };
}

/** It rests on capture, and has yet to be swept. */
export const isOwed = ({ unsure, backedBy }: Overview['invariants'][number]): boolean =>
  unsure !== null && backedBy === 'capture';

function looked({ capture, invariants }: Overview): boolean {
  const failed = invariants.find(({ state }) => state === 'failed');
  if (failed) throw new Error(`${failed.name} failed: ${failed.why}`);
  // Once more since capture began: else that sweep would be part of what is measured.
  const proved = invariants.length > 0 && invariants.every(one => one.provedAt !== null && !isOwed(one));
  return proved && (capture.kind === 'sweeps' || capture.since !== null);
}

/** Capture into a reader that throws all away: what decoding and shipping alone cost. The tables that the invariants read. */
export async function reader(plot: Plot): Promise<Beside> {
  const binary = program('pg_recvlogical');
  if (!binary) throw new Error('pg_recvlogical is missing; Debian: apt-get install postgresql');
  await plot.pool.query(
    'create publication bench for table warehouse, district, customer, history, new_order, orders, order_line',
  );
  await plot.pool.query(`select pg_create_logical_replication_slot('bench', 'pgoutput')`);
  const args = ['--start', '--slot=bench', '--file=/dev/null', '--plugin=pgoutput', '--no-loop'];
  const options = ['--option=proto_version=1', '--option=publication_names=bench'];
  const child = watched(
    spawn(binary, [...args, ...options, `--dbname=${plot.url}`], { stdio: ['ignore', 'ignore', 'pipe'] }),
  );
  for (;;) {
    child.check();
    const { rows } = await plot.pool.query('select from pg_replication_slots where active');
    if (rows.length > 0) break;
    await delay(50);
  }
  return { pid: child.process.pid, stop: child.stop };
}

/** A process that should live until it is stopped: the end of what it said tells why it doesn't. */
function watched(child: ChildProcess) {
  let said = '';
  child.stderr?.on('data', chunk => (said = (said + chunk).slice(-2_000)));
  const over = () => child.exitCode !== null || child.signalCode !== null;
  const check = () => {
    if (over()) throw new Error(`${child.spawnargs.join(' ').replace(/\/\/.*@/, '//')} ended:\n${said}`);
  };
  return {
    process: child,
    check,
    stop: async () => {
      check();
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      if (!over()) await once(child, 'exit');
      clearTimeout(timer);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.on('data', chunk => (said += chunk));
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`evenkeel install ended with ${code}: ${said}`);
}

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scale } from './load.ts';
import { here } from './place.ts';

/** Weights of clause 5.2.3: the smallest shares that four of them may have, and new orders for the rest. */
const mix = { 'new-order': 45, payment: 43, 'order-status': 4, delivery: 4, 'stock-level': 4 };

export interface Run {
  readonly clients: number;
  /** Of all clients together, or for so long. */
  readonly for: { readonly transactions: number } | { readonly seconds: number };
  /** Transactions a second; undefined: as many as there can be. No keying and think times, as in most kits. */
  readonly rate?: number;
}

export interface Done {
  /** Transactions of all five kinds a second; those that the specification rolls back count. */
  readonly tps: number;
  readonly transactions: number;
  readonly newOrders: number;
  readonly failed: number;
}

export interface Load {
  readonly process: ChildProcess;
  readonly done: Promise<Done>;
}

/** Debian keeps most of them away from the PATH. */
export function program(name: string): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map(one => join(debian, one, 'bin')),
  ];
  return folders.map(folder => join(folder, name)).find(path => existsSync(path));
}

/** The five transactions by pgbench, so that the driver leaves the cores to what is measured. */
export function startMix(url: string, scale: Scale, run: Run): Load {
  const known = { ...scale, names: Math.min(1000, scale.customers) };
  const scripts = Object.entries(mix).map(
    ([name, share]) => `${fileURLToPath(new URL(`transactions/${name}.sql`, here))}@${share}`,
  );
  return startPgbench(url, scripts, known, run);
}

/** @param scripts files, each perhaps with its weight */
export function startPgbench(
  url: string,
  scripts: readonly string[],
  known: Readonly<Record<string, number>>,
  run: Run,
): Load {
  const pgbench = program('pgbench');
  if (!pgbench) throw new Error('pgbench is missing; Debian: apt-get install postgresql');
  const length =
    'seconds' in run.for
      ? [`--time=${run.for.seconds}`]
      : [`--transactions=${Math.ceil(run.for.transactions / run.clients)}`];
  const args = [
    '--no-vacuum',
    '--protocol=prepared',
    '--jobs=1',
    '--max-tries=100',
    `--client=${run.clients}`,
    ...length,
    ...(run.rate === undefined ? [] : [`--rate=${run.rate}`]),
    ...Object.entries(known).map(([name, value]) => `--define=${name}=${value}`),
    ...scripts.map(script => `--file=${script}`),
    url,
  ];
  const child = spawn(pgbench, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const done = new Promise<Done>((resolve, reject) => {
    let out = '';
    let err = '';
    child.stdout.on('data', chunk => (out += chunk));
    child.stderr.on('data', chunk => (err += chunk));
    child.once('error', reject);
    child.once('close', code => {
      if (code === 0) resolve(read(out));
      else reject(new Error(`pgbench ended with ${code}: ${err.slice(-2_000)}`));
    });
  });
  return { process: child, done };
}

function read(report: string): Done {
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1]);
  return {
    tps: number(/^tps = ([\d.]+)/m),
    transactions: number(/transactions actually processed: (\d+)/),
    newOrders: number(/SQL script 1:[^]*?- (\d+) transactions/),
    failed: number(/number of failed transactions: (\d+)/),
  };
}

import { readConfig } from '../../src/config.ts';
import { parse as parseFile } from '../../src/declare/parse.ts';
import type { Invariant } from '../../src/declare/invariant.ts';
import { type Engine, createEngine } from '../../src/engine.ts';
import { createLog } from '../../src/log.ts';
import type { FreshDatabase } from './database.ts';

/** Evenkeel on a test's database: invariants by name, as they would stand in `.sql` files. */
export interface Keel {
  readonly invariants: readonly Invariant[];
  /** One full sweep, then healing until nothing is due: what `evenkeel up --once` does. */
  once(): Promise<void>;
  /** Not started. */
  engine(): Promise<Engine>;
}

export function keelOn(
  database: Pick<FreshDatabase, 'url'>,
  files: Readonly<Record<string, string>> | readonly Invariant[],
  env: Readonly<Record<string, string>> = {},
): Keel {
  const invariants = Array.isArray(files)
    ? (files as Invariant[])
    : Object.entries(files).map(([name, text]) => parse(name, text));
  const config = readConfig({ DATABASE_URL: database.url, EVENKEEL_LOG: 'quiet', ...env });
  const engine = () => createEngine(config, database.url, invariants, createLog(config.log));
  return { invariants, engine, once: async () => (await engine()).once() };
}

function parse(name: string, text: string): Invariant {
  const parsed = parseFile(text, `${name}.sql`);
  if (parsed.is === 'invariant') return parsed.invariant;
  const [wrong] = parsed.is === 'wrong' ? parsed.errors : [];
  throw wrong ?? new Error(`${name}: the first line must be "-- evenkeel: …"`);
}

import pg from 'pg';
import { readConfig } from '../src/config.ts';
import { startEmbedded, type Embedded } from '../src/db/embedded.ts';
import type { Invariant } from '../src/declare/invariant.ts';
import { parse } from '../src/declare/parse.ts';
import { createEngine } from '../src/engine.ts';
import { createLog } from '../src/log.ts';
import { type Web, openWeb } from '../src/web/server.ts';

/** A real server for a benchmark, durable as in production (fsync on), and Evenkeel on it. */
export interface Stage {
  readonly url: string;
  readonly pool: pg.Pool;
  sql(text: string): Promise<Record<string, string>[]>;
  /** Seconds that `work` takes. */
  time(work: () => Promise<unknown>): Promise<number>;
  engine(
    files: Readonly<Record<string, string>>,
    env?: Readonly<Record<string, string>>,
  ): ReturnType<typeof createEngine>;
  /** The dashboard of these, served by this process. */
  web(files: Readonly<Record<string, string>>): Promise<Web>;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const server: Embedded = await startEmbedded({
    settings: {
      shared_buffers: '1GB',
      max_wal_size: '8GB',
      checkpoint_timeout: '30min',
      autovacuum_naptime: '5s',
    },
  });
  const pool = new pg.Pool({ connectionString: server.url, max: 4 });
  pool.on('error', () => {});
  return {
    url: server.url,
    pool,
    sql: async text => (await pool.query<Record<string, string>>(text)).rows,
    time: async work => {
      const started = performance.now();
      await work();
      return (performance.now() - started) / 1000;
    },
    engine: (files, env = {}) => {
      const config = readConfig({ DATABASE_URL: server.url, EVENKEEL_LOG: 'quiet', ...env });
      return createEngine(config, server.url, parseAll(files), createLog('quiet'));
    },
    web: files => {
      const config = readConfig({
        DATABASE_URL: server.url,
        EVENKEEL_LOG: 'quiet',
        EVENKEEL_WEB: '127.0.0.1:0',
      });
      return openWeb({ config, url: server.url, invariants: parseAll(files), log: createLog('quiet') });
    },
    close: async () => {
      await pool.end();
      await server.stop();
    },
  };
}

/** Invariants by name, as they would stand in `.sql` files. */
export const parseAll = (files: Readonly<Record<string, string>>): Invariant[] =>
  Object.entries(files).map(([name, text]) => {
    const parsed = parse(text, `${name}.sql`);
    if (parsed.is !== 'invariant') throw new Error(`${name} is no invariant`);
    return parsed.invariant;
  });

/** The largest resident memory of this process so far, in MiB. */
export const peakMiB = (): number => Math.round(process.resourceUsage().maxRSS / 1024);

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

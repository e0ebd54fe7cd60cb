import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { startEmbedded } from '../../src/db/embedded.ts';
import { dropDatabase, poolOn, settings, urlOf } from '../tpcc/ground.ts';
import { type Beside, keel } from '../tpcc/keel.ts';
import { type Load, type Run, startPgbench } from '../tpcc/mix.ts';

/** A durable server, small databases of a benchmark's own, `evenkeel up` beside them, and pgbench to write to them. */
export interface Rig {
  readonly described: string;
  /** Another database in place of the last one. */
  fresh(schema: string): Promise<Field>;
  close(): Promise<void>;
}

export interface Field {
  readonly url: string;
  readonly pool: pg.Pool;
  /** As a user runs it, on these files; ready once every row was looked at. */
  keel(files: Readonly<Record<string, string>>, env?: Readonly<Record<string, string>>): Promise<Beside>;
  load(script: string, run: Run): Load;
}

export async function openRig(binDir: string | undefined): Promise<Rig> {
  const server = await startEmbedded({ settings, ...(binDir === undefined ? {} : { binDir }) });
  const admin = poolOn(server.url, 'postgres');
  const { rows } = await admin.query<{ server_version: string }>('show server_version');
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-bench-'));
  let pool: pg.Pool | undefined;
  let n = 0;
  const write = (name: string, text: string): string => {
    const path = join(folder, `${++n}-${name}`);
    writeFileSync(path, text);
    return path;
  };
  const leave = async () => {
    await pool?.end();
    pool = undefined;
    await dropDatabase(admin, 'field');
  };
  return {
    described: `Postgres ${rows[0]?.server_version}, fsync on, wal_level logical`,
    async fresh(schema) {
      await leave();
      await admin.query('create database field');
      pool = poolOn(server.url, 'field');
      await pool.query(schema);
      await pool.query('vacuum analyze');
      await pool.query('checkpoint');
      const url = urlOf(server.url, 'field');
      const field = { url, pool };
      return {
        ...field,
        keel(files, env = {}) {
          const own = mkdtempSync(join(folder, 'invariants-'));
          for (const [name, text] of Object.entries(files)) writeFileSync(join(own, `${name}.sql`), text);
          return keel(field, own, env);
        },
        load: (script, run) => startPgbench(url, [write('script.sql', script)], {}, run),
      };
    },
    async close() {
      await leave().catch(() => undefined);
      await admin.end();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

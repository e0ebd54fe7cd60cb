import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { Embedded } from '../../src/db/embedded.ts';
import { freshCluster } from './cluster.ts';
import type { FreshDatabase } from './database.ts';

/** The database `postgres` of a server. */
export function own(url: string): FreshDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 5 });
  pool.on('error', () => undefined);
  onTestFinished(() => pool.end());
  const never = () => Promise.reject(new Error('not here'));
  const sql = async (text: string, params?: unknown[]) => (await pool.query(text, params)).rows;
  return { url, name: 'postgres', pool, sql, client: never, drop: never };
}

/** Copies the running server, as a base backup does (PostgreSQL documentation, 26.3.3), and starts the copy as its standby. */
export async function standbyOf(primary: Embedded, settings: Record<string, string>): Promise<Embedded> {
  const admin = new pg.Client(primary.url);
  await admin.connect();
  const dir = await mkdtemp(join(dirname(primary.dir), 'evenkeel-standby-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await admin.query(`select pg_backup_start('standby', true)`);
  await promisify(execFile)('cp', ['-a', `${primary.dir}/.`, dir]);
  const { rows } = await admin.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
  const data = join(dir, 'data');
  await rm(join(data, 'postmaster.pid'), { force: true });
  await rm(join(data, 'pg_replslot'), { recursive: true, force: true });
  await promisify(execFile)('cp', ['-a', join(data, 'pg_stat'), join(data, 'pg_replslot')]);
  await promisify(execFile)('find', [join(data, 'pg_replslot'), '-mindepth', '1', '-delete']);
  // Its owner is the server's account.
  for (const [name, text] of [
    ['backup_label', rows[0]?.labelfile ?? ''],
    ['standby.signal', ''],
  ] as const) {
    await promisify(execFile)('cp', ['-a', join(data, 'PG_VERSION'), join(data, name)]);
    await writeFile(join(data, name), text);
  }
  await admin.end();
  const { password } = new URL(primary.url);
  return freshCluster({
    dir,
    settings: {
      ...settings,
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres password=${password} dbname=postgres`,
      primary_slot_name: 'standby',
      hot_standby_feedback: 'on',
      wal_receiver_status_interval: '1s',
    },
  });
}

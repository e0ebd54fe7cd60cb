/** A standby takes over: what its slot knows goes on, and what it can't know is looked at again. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import type { Embedded } from '../../../src/db/embedded.ts';
import { unready } from '../../../src/watch/capture/slot/readiness.ts';
import { freshCluster } from '../../support/cluster.ts';
import type { FreshDatabase } from '../../support/database.ts';
import { until } from '../../support/wait.ts';
import { slots, telling } from './telling.ts';

const t = { t: ['id'] };

/** The database `postgres` of a server. */
function own(url: string): FreshDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 5 });
  pool.on('error', () => undefined);
  onTestFinished(() => pool.end());
  const never = () => Promise.reject(new Error('not here'));
  const sql = async (text: string, params?: unknown[]) => (await pool.query(text, params)).rows;
  return { url, name: 'postgres', pool, sql, client: never, drop: never };
}

/** Copies the running server, as a base backup does (PostgreSQL documentation, 26.3.3), and starts the copy as its standby. */
async function standbyOf(primary: Embedded, settings: Record<string, string>): Promise<Embedded> {
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

test(
  'a promoted standby goes on where its copy of the slot is, or is looked at whole',
  { timeout: 90_000 },
  async () => {
    const primary = await freshCluster();
    const db = own(primary.url);
    const [{ major }] = await db.sql(`select current_setting('server_version_num')::int / 10000 as major`);
    const copies = major >= 17;
    await db.sql(
      `select pg_create_physical_replication_slot('standby', true); create table t (id int primary key)`,
    );
    const one = await telling(db, t);
    one.acknowledge();
    await until(async () => (await db.sql('select slot from evenkeel.capture'))[0].slot, {
      what: 'the slot to be remembered',
    });
    const standby = await standbyOf(primary, copies ? { sync_replication_slots: 'on' } : {});
    const copy = own(standby.url);
    expect(await unready(copy.pool, standby.url)).toMatch(/standby/);
    let n = 0;
    if (copies) {
      // The copy counts once the slot has moved past what the standby began with.
      await until(
        async () => {
          await db.sql('insert into t values ($1)', [++n]);
          await one.line(`t insert → ${n}`);
          one.acknowledge();
          const [slot] = await copy.sql(
            `select synced and not temporary as copied from pg_replication_slots where slot_name like 'evenkeel%'`,
          );
          return slot?.copied;
        },
        { what: 'the slot to be copied', timeoutMs: 60_000 },
      );
    }
    await one.stop();
    // Committed, and told to nobody before the primary is gone.
    await db.sql('insert into t values (1000)');
    const [{ lsn }] = await db.sql('select pg_current_wal_flush_lsn()::text as lsn');
    await until(
      async () => (await copy.sql('select pg_last_wal_replay_lsn() >= $1::pg_lsn as there', [lsn]))[0].there,
      {
        what: 'the standby to have it',
      },
    );
    await primary.kill();
    await copy.sql('select pg_promote()');
    expect((await copy.sql('select pg_is_in_recovery() as standby'))[0].standby).toBe(false);

    const two = await telling(copy, t);
    if (copies) {
      await two.line('t insert → 1000');
      expect(two.notes.gaps).toEqual([]);
    } else {
      expect(two.notes.gaps).toEqual([expect.stringMatching(/^the replication slot evenkeel_\S+ is gone$/)]);
    }
    await copy.sql('insert into t values (1001)');
    await two.line('t insert → 1001');
    expect(await slots(copy)).toHaveLength(1);
  },
);

/** Behind a pooler in transaction mode: everything but the replication connection goes through it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ask, createPool, transaction } from '../../src/db/pool.ts';
import { overview } from '../../src/find/overview.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { double, unguarded } from '../support/double.ts';
import { keelOn } from '../support/keel.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/wait.ts';

const files = { double: double(['mode: heal', ...unguarded]) };

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Two server connections for all. */
async function pooled(db: FreshDatabase): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'evenkeel-pooler-'));
  await chmod(folder, 0o755);
  const there = new URL(db.url);
  const port = await freePort();
  await writeFile(join(folder, 'users'), `"${there.username}" "${decodeURIComponent(there.password)}"\n`);
  await writeFile(
    join(folder, 'ini'),
    `[databases]
${db.name} = host=127.0.0.1 port=${there.port} pool_size=2
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${join(folder, 'users')}
pool_mode = transaction
max_client_conn = 200
server_reset_query_always = 0
`,
  );
  const asRoot = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const child = spawn('/usr/sbin/pgbouncer', [join(folder, 'ini')], {
    ...asRoot,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', chunk => (said += chunk));
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  await until(() => said.includes('listening on'), { what: 'pgbouncer to listen' });
  there.port = String(port);
  return there.href;
}

requires('pgbouncer')('behind pgbouncer in transaction mode', () => {
  test('heals, with a slot past the pooler and by sweeps without', { timeout: 60_000 }, async () => {
    const db = await freshDatabase();
    await db.sql(
      'create table t (id int primary key, a int, b int); insert into t select g, g, 2 * g from generate_series(1, 500) g',
    );
    const url = await pooled(db);
    const healed = (id: number) =>
      until(async () => (await db.sql('select from t where id = $1 and b = 2 * a', [id])).length > 0, {
        what: `${id} to be healed`,
      });

    const engine = await keelOn({ url }, files, { EVENKEEL_DIRECT_URL: db.url }).engine();
    engine.start();
    try {
      await until(async () => (await overview(db.pool)).capture.kind === 'slot', { what: 'capture by slot' });
      await until(async () => (await overview(db.pool)).invariants[0]?.provedAt, { what: 'a first sweep' });
      await db.sql('update t set b = 0 where id = 7');
      await healed(7);
    } finally {
      await engine.stop();
    }

    const other = await keelOn({ url }, files).engine();
    other.start();
    try {
      await until(async () => (await overview(db.pool)).capture.kind === 'sweeps', { what: 'sweeps' });
      await db.sql('update t set b = 0 where id = 8');
      await healed(8);
      expect((await overview(db.pool)).capture.why).toContain('point EVENKEEL_DIRECT_URL past the pooler');
    } finally {
      await other.stop();
    }
    // Settings of one client were never left for another.
    const [{ path }] = await db.sql(`select current_setting('search_path') as path`);
    expect(path).toBe('"$user", public');
  });

  test('nothing is prepared that another server would be asked for', async () => {
    const db = await freshDatabase();
    const pool = createPool(await pooled(db), 6);
    const limits = { statement: 1_000, prepared: true, schemas: ['public'] };
    const left = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        transaction(pool, limits, async tx => {
          expect(await ask(tx, 'select $1::int + 1', [i])).toEqual([[String(i + 1)]]);
          return ask(tx, 'select name from pg_prepared_statements');
        }),
      ),
    );
    await pool.end();
    expect(left.flat()).toEqual([]);
  });
});

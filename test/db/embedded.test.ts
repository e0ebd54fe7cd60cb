import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEmbedded, type EmbeddedOptions } from '../../src/db/embedded.ts';
import { alive, checkout, hold, nobody } from '../support/checkout.ts';
import { freshCluster } from '../support/cluster.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/wait.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- a test knows the shape of what it selects
async function ask(url: string, text: string): Promise<any[]> {
  const client = await connect(url);
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function emptyFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'evenkeel-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function started(options: EmbeddedOptions = {}) {
  const server = await startEmbedded(options);
  onTestFinished(() => server.stop());
  return server;
}

describe('a server of its own', () => {
  it('is Postgres 18, in UTF-8, ready for logical replication, with the settings asked for', async () => {
    const server = await started({ settings: { work_mem: '7MB', 'evenkeel.note': "it's a \\ back" } });
    const [row] = await ask(
      server.url,
      `select current_setting('server_version_num')::int / 10000 as major, current_setting('wal_level') as wal,
              current_setting('work_mem') as mem, current_setting('evenkeel.note') as note,
              current_setting('server_encoding') as encoding, current_setting('listen_addresses') as listen,
              current_setting('unix_socket_directories') as sockets, current_setting('fsync') as fsync`,
    );
    expect(row).toEqual({
      major: 18,
      wal: 'logical',
      mem: '7MB',
      note: "it's a \\ back",
      encoding: 'UTF8',
      listen: '127.0.0.1',
      sockets: '',
      fsync: 'on',
    });
  });

  it('lets nobody in without the password', async () => {
    const server = await started();
    const url = new URL(server.url);
    url.password = 'guess';
    await expect(connect(url.href)).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(join(server.dir, 'password'))).mode & 0o077).toBe(0);
  });

  it('is gone after stop, with its folder, however often it is stopped', async () => {
    const server = await startEmbedded();
    const idle = await connect(server.url);
    await Promise.all([server.stop(), server.stop()]);
    expect(await alive(server.pid)).toBe(false);
    expect(existsSync(server.dir)).toBe(false);
    await idle.end().catch(() => undefined);
  });

  it('keeps the temporary folder where asked to', async () => {
    const server = await startEmbedded({ keep: true });
    onTestFinished(() => rm(server.dir, { recursive: true, force: true }));
    await server.stop();
    expect(existsSync(join(server.dir, 'data', 'PG_VERSION'))).toBe(true);
  });

  it('goes on with a folder that holds one, under the same password', async () => {
    const dir = await emptyFolder();
    const first = await started({ dir });
    await ask(first.url, 'create table kept as select 1 as n');
    await first.stop();
    const second = await started({ dir, port: first.port });
    expect(second.url).toBe(first.url);
    expect(await ask(second.url, 'select n from kept')).toEqual([{ n: 1 }]);
  });

  it('lets ALTER SYSTEM win over the settings asked for', async () => {
    const server = await freshCluster({ settings: { work_mem: '7MB' } });
    await ask(server.url, `alter system set work_mem = '9MB'`);
    await server.restart();
    expect(await ask(server.url, 'show work_mem')).toEqual([{ work_mem: '9MB' }]);
  });

  it('starts several at once', async () => {
    const servers = await Promise.all([started(), started(), started()]);
    expect(new Set(servers.map(server => server.port)).size).toBe(3);
  });
});

describe('kill -9', () => {
  it('of the server leaves what was committed to the restart, and takes busy backends along', async () => {
    const server = await freshCluster();
    await ask(server.url, 'create table kept (n int)');
    await ask(server.url, 'insert into kept values (1)');
    const open = await connect(server.url);
    await open.query('begin');
    await open.query('insert into kept values (2)');
    const busy = await connect(server.url);
    const endless = expect(busy.query('select count(*) from generate_series(1, 1e12)')).rejects.toThrow();
    const before = server.pid;

    await server.kill();
    await endless;
    await server.restart();

    expect(server.pid).not.toBe(before);
    expect(await ask(server.url, 'select n from kept')).toEqual([{ n: 1 }]);
  });

  it('of the process that started it leaves neither server nor folder', async () => {
    const holder = await hold({ dir: join(import.meta.dirname, '../..'), tmp: tmpdir() });
    const { url, dir } = holder.server;
    const busy = await connect(url);
    const endless = expect(busy.query('select count(*) from generate_series(1, 1e12)')).rejects.toThrow();
    const pids: number[] = (await ask(url, 'select pid from pg_stat_activity')).map(row => row.pid);

    holder.process.kill('SIGKILL');
    await endless;

    await until(() => !existsSync(dir), { what: `${dir} to be removed` });
    for (const pid of [holder.server.pid, ...pids]) {
      await until(async () => !(await alive(pid)), { what: `process ${pid} to end` });
    }
  });

  it('is not needed: restart stops a server that runs', async () => {
    const server = await freshCluster();
    await ask(server.url, 'create table kept as select 1 as n');
    const before = server.pid;
    await server.restart();
    expect(await alive(before)).toBe(false);
    expect(await ask(server.url, 'select n from kept')).toEqual([{ n: 1 }]);
  });
});

describe('errors', () => {
  it('say that there are no binaries', async () => {
    const binDir = await emptyFolder();
    await chmod(binDir, 0o755);
    await expect(startEmbedded({ binDir })).rejects.toMatchObject({ code: 'embedded-missing' });
  });

  it('show the end of the server log', async () => {
    const failing = startEmbedded({ settings: { work_mem: 'plenty' } });
    await expect(failing).rejects.toMatchObject({
      code: 'embedded-failed',
      message: expect.stringContaining('invalid value for parameter "work_mem"'),
    });
  });

  it('name a port that is taken', async () => {
    const server = await freshCluster();
    await expect(startEmbedded({ port: server.port })).rejects.toMatchObject({
      code: 'embedded-failed',
      message: expect.stringContaining('Address already in use'),
    });
  });
});

requires('root')('accounts and folders', () => {
  it('run as root from a checkout that other accounts cannot enter', async () => {
    const at = await checkout({ closed: true });
    const { server } = await hold(at);
    expect(await ask(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    const copy = join(at.tmp, `evenkeel-postgres-${at.version}-0`);
    expect((await stat(copy)).mode & 0o777).toBe(0o755);
    // The second one finds the copy, and a copy with a missing file is made anew.
    await rm(join(copy, 'bin', 'initdb'));
    expect(await ask((await hold(at)).server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect(existsSync(join(copy, 'bin', 'initdb'))).toBe(true);
  });

  it('run as another account from a checkout that it cannot write, without symlinks', async () => {
    const at = await checkout({ closed: false });
    const uid = await nobody();
    const { server } = await hold(at, uid);
    expect(await ask(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect((await stat(join(server.dir, 'data'))).uid).toBe(uid);
  });

  it('never run binaries that another account may have put there', async () => {
    const at = await checkout({ closed: true });
    const guessed = join(at.tmp, `evenkeel-postgres-${at.version}-0`);
    await mkdir(join(guessed, 'bin'), { recursive: true });
    await chown(guessed, await nobody(), 0);
    await expect(hold(at)).rejects.toThrow(/belongs to someone else/);
    await rm(guessed, { recursive: true });
    await symlink(join(at.dir, 'node_modules'), guessed);
    await expect(hold(at)).rejects.toThrow(/belongs to someone else/);
  });
});

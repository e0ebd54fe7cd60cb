import pg from 'pg';
import { type Embedded, startEmbedded } from '../../src/db/embedded.ts';
import { type Scale, fullScale, load } from './load.ts';

/** A server of its own, durable, and databases that all begin alike: every run is on a fresh copy. */
export interface Ground {
  readonly server: Embedded;
  /** How the server was set up, for the record. */
  readonly described: string;
  /** Loaded once for each number of warehouses, copied for each run, and read into memory; the last copy goes. */
  fresh(warehouses: number): Promise<Plot>;
  close(): Promise<void>;
}

export interface Plot {
  readonly url: string;
  readonly scale: Scale;
  /** Few connections, known to the meter as none of what is measured. */
  readonly pool: pg.Pool;
}

/**
 * No checkpoint falls into a minute; commit timestamps tell how long a heal took to come. Huge pages, where the machine has some to
 * spare (`sysctl vm.nr_hugepages=2300`): without them each connection maps each page that it reads for the first time by itself, at some
 * 50 µs here, and a minute would measure little else.
 */
export const settings = {
  shared_buffers: '4GB',
  huge_pages: 'try',
  wal_level: 'logical',
  max_wal_size: '16GB',
  checkpoint_timeout: '30min',
  track_commit_timestamp: 'on',
  fsync: 'on',
  synchronous_commit: 'on',
};

export async function openGround(binDir: string | undefined): Promise<Ground> {
  const server = await startEmbedded({ settings, ...(binDir === undefined ? {} : { binDir }) });
  const admin = poolOn(server.url, 'postgres');
  const { rows } = await admin.query<{ version: string; huge: string | null }>(
    `select current_setting('server_version') as version, current_setting('huge_pages_status', true) as huge`,
  );
  const loaded = new Set<number>();
  let plot: Plot | undefined;
  const leave = async () => {
    await plot?.pool.end();
    plot = undefined;
    await dropDatabase(admin, 'run');
  };
  return {
    server,
    described: `Postgres ${rows[0]?.version}; ${Object.entries({
      ...settings,
      huge_pages: rows[0]?.huge ?? 'try',
    })
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}, all data in memory`,
    async fresh(warehouses) {
      const scale = fullScale(warehouses);
      const name = `tpcc_${warehouses}`;
      if (!loaded.has(warehouses)) {
        await admin.query(`create database ${name}`);
        const pool = poolOn(server.url, name);
        await load(pool, scale);
        await pool.query('create extension pg_prewarm');
        await pool.end();
        loaded.add(warehouses);
      }
      await leave();
      await admin.query(`create database run template ${name} strategy file_copy`);
      await admin.query('checkpoint');
      plot = { scale, url: urlOf(server.url, 'run'), pool: poolOn(server.url, 'run') };
      // A service that has run for a while has in memory what it and its watcher read; one minute wouldn't bring it there.
      await plot.pool.query(
        `select pg_prewarm(oid) from pg_class where relkind in ('r', 'i') and relnamespace = 'public'::regnamespace`,
      );
      return plot;
    },
    async close() {
      await leave().catch(() => undefined);
      await admin.end();
      await server.stop();
    },
  };
}

/** What the meter takes for no part of what is measured. */
export const benchName = 'bench';

export function poolOn(server: string, database: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: urlOf(server, database),
    max: 4,
    application_name: benchName,
  });
  pool.on('error', () => undefined);
  return pool;
}

export function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = database;
  return url.href;
}

/** A slot would forbid it. */
export async function dropDatabase(admin: pg.Pool, name: string): Promise<void> {
  const slots = 'from pg_replication_slots where database = $1';
  await admin.query(`select pg_terminate_backend(active_pid, 5000) ${slots} and active`, [name]);
  await admin.query(`select pg_drop_replication_slot(slot_name) ${slots}`, [name]);
  await admin.query(`drop database if exists ${name} with (force)`);
}

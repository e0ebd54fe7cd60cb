/** One server for a whole run of the tests, and servers of their own for tests that kill them. */
import { onTestFinished } from 'vitest';
import type { TestProject } from 'vitest/node';
import { startEmbedded, type Embedded, type EmbeddedOptions } from '../../src/db/embedded.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** URL of the shared server, as superuser. Tests take a database of their own from it: freshDatabase(). */
    clusterUrl: string;
  }
}

/** Nothing here outlives the run, so nothing needs to reach the disk. */
const settings = {
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: '200',
  max_locks_per_transaction: '256',
  max_prepared_transactions: '20',
  max_replication_slots: '40',
  max_wal_senders: '40',
};

/** EVENKEEL_TEST_PG_BIN picks other binaries than the embedded ones; for example /usr/lib/postgresql/15/bin. */
function chosen(): EmbeddedOptions {
  const binDir = process.env['EVENKEEL_TEST_PG_BIN'];
  return binDir ? { binDir, settings } : { settings };
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startEmbedded(chosen());
  project.provide('clusterUrl', cluster.url);
  return () => cluster.stop();
}

/** A server for the test that calls this, stopped when the test has finished. Writes reach the disk (fsync on). */
export async function freshCluster(options: EmbeddedOptions = {}): Promise<Embedded> {
  const base = {
    ...chosen(),
    settings: { ...settings, fsync: 'on', full_page_writes: 'on', ...options.settings },
  };
  const cluster = await startEmbedded({ ...base, ...options, settings: base.settings });
  onTestFinished(() => cluster.stop());
  return cluster;
}

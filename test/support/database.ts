/**
 * A database of its own for a test or a test file. Made inside a test, it goes when that test has finished; made
 * in beforeAll or at the top of a file, it goes with the file. After a failure it is kept for a look, which is of
 * use while `npx vitest` watches: the server goes with the run.
 */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import pg from 'pg';
import { afterAll, expect, inject, onTestFinished, type RunnerTask } from 'vitest';

export interface FreshDatabase {
  url: string;
  name: string;
  /** At most ten connections; ended by drop(). */
  pool: pg.Pool;
  /** Rows of one statement, through the pool. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a test knows the shape of what it selects
  readonly sql: (text: string, params?: unknown[]) => Promise<any[]>;
  /** A connection of its own, for interleavings; ended by drop(). */
  client(): Promise<pg.Client>;
  /** Happens by itself; earlier only where a test is about it. */
  drop(): Promise<void>;
}

const ofFile: FreshDatabase[] = [];

// Registered on import, thus before the hooks of the file, and so run after them.
// oxlint-disable-next-line no-empty-pattern -- vitest wants the pattern
afterAll(async ({}, file) => {
  for (const database of ofFile) await dropUnless(failed(file), database);
});

export async function freshDatabase(): Promise<FreshDatabase> {
  const file = basename(expect.getState().testPath ?? 'test').replace(/\W+/g, '_');
  const database = await create(`${file.slice(0, 40)}_${randomBytes(4).toString('hex')}`);
  try {
    onTestFinished(({ task }) => dropUnless(task.result?.state === 'fail', database));
  } catch {
    // Not inside a test.
    ofFile.push(database);
  }
  return database;
}

async function create(name: string): Promise<FreshDatabase> {
  await asAdmin(admin => admin.query(`create database ${pg.escapeIdentifier(name)}`));
  const url = new URL(inject('clusterUrl'));
  url.pathname = name;
  const pool = new pg.Pool({ connectionString: url.href, max: 10 });
  // Tests terminate backends, and so does drop().
  pool.on('error', () => undefined);
  const clients: pg.Client[] = [];
  let dropped: Promise<void> | undefined;
  return {
    url: url.href,
    name,
    pool,
    sql: async (text, params) => (await pool.query(text, params)).rows,
    client: async () => {
      const client = new pg.Client(url.href);
      client.on('error', () => undefined);
      clients.push(client);
      await client.connect();
      return client;
    },
    drop: () =>
      (dropped ??= (async () => {
        // Not awaited: an end() waits for whoever forgot to release a connection; the force below doesn't.
        for (const end of [pool, ...clients]) end.end().catch(() => undefined);
        await asAdmin(admin => drop(admin, name));
      })()),
  };
}

/** A replication slot would forbid the drop, and its walsender holds the slot until it is told to go. */
async function drop(admin: pg.Client, name: string): Promise<void> {
  const slots = 'from pg_replication_slots where database = $1';
  await admin.query(`select pg_terminate_backend(active_pid, 5000) ${slots} and active`, [name]);
  await admin.query(`select pg_drop_replication_slot(slot_name) ${slots}`, [name]);
  await admin.query(`drop database ${pg.escapeIdentifier(name)} with (force)`);
}

async function asAdmin(act: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client(inject('clusterUrl'));
  await admin.connect();
  try {
    await act(admin);
  } finally {
    await admin.end();
  }
}

async function dropUnless(kept: boolean, database: FreshDatabase): Promise<void> {
  if (!kept) return database.drop();
  console.error(`Kept after a failure: database ${database.name}; psql '${database.url}'`);
}

function failed(task: Readonly<RunnerTask>): boolean {
  return task.result?.state === 'fail' || ('tasks' in task && task.tasks.some(failed));
}

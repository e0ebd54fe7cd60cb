/**
 * A database that is there for one piece of work, with somebody's schema in it and no rows.
 *
 * It lives in an embedded server of its own that writes nothing to the disk for good. What ends this process, Ctrl-C and
 * kill -9 included, ends that server and removes its folder (db/watchdog.ts).
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { startEmbedded } from '../db/embedded.ts';
import { quote } from '../db/pool.ts';
import { dumpOf } from './dump.ts';
import { chunksOf, linesOf } from './lines.ts';
import { type Loaded, type Target, load } from './load.ts';

/** Whose schema: that of a plain SQL file, or of a live database, which is only read. */
export type SchemaOf = { readonly schemaFile: string } | { readonly like: string };

export interface ScratchOptions {
  /** A server on which this role may create databases and roles; default: an embedded one, gone afterwards. */
  readonly server?: string;
  /** Binaries for the embedded one; default: those of the package. */
  readonly binDir?: string;
}

/** `url`: as a superuser. */
export interface Scratch extends Loaded {
  readonly url: string;
}

/**
 * Runs `work` on a scratch database, and removes all of it afterwards, however it ends.
 * @throws bad-schema, no-pg-dump, embedded-missing, embedded-failed
 */
export async function withScratch<T>(
  source: SchemaOf,
  options: ScratchOptions,
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const { binDir, server } = options;
  if (server !== undefined) return onServer(source, server, work);
  // Nothing here outlives the process, so nothing needs to reach the disk.
  const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };
  const embedded = await startEmbedded({ settings, ...(binDir === undefined ? {} : { binDir }) });
  try {
    return await onServer(source, embedded.url, work);
  } finally {
    await embedded.stop();
  }
}

async function onServer<T>(
  source: SchemaOf,
  server: string,
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const database = `evenkeel_scratch_${randomBytes(6).toString('hex')}`;
  const url = new URL(server);
  url.pathname = database;
  const roles: string[] = [];
  await connected(server, admin =>
    admin.query(`create database ${quote(database)} template template0 encoding 'UTF8'`),
  );
  try {
    const loaded = await connected(url.href, client => fill({ client, database, roles }, source));
    return await work({ ...loaded, url: url.href });
  } finally {
    await connected(server, async admin => {
      await admin.query(`drop database ${quote(database)} with (force)`);
      // Another scratch database of this server may have a use for it.
      for (const role of roles)
        await admin.query(`drop role if exists ${quote(role)}`).catch(() => undefined);
    });
  }
}

async function fill(target: Target, source: SchemaOf): Promise<Loaded> {
  const { client } = target;
  // Which role is missing can only be read in the message.
  await client.query(`set lc_messages = 'C'`);
  const loaded =
    'like' in source
      ? await load(target, linesOf(dumpOf(source.like), 'pg_dump'), 'pg_dump')
      : await load(target, linesOf(chunksOf(source.schemaFile), source.schemaFile), source.schemaFile);
  // Our own ledger is no part of anybody's schema; what was installed on tables goes with it.
  await client.query('drop schema if exists evenkeel cascade');
  return loaded;
}

async function connected<T>(url: string, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'evenkeel' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}

/** A server with two identical shops, and a third database where the gremlin keeps the truth. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startEmbedded } from '../src/db/embedded.ts';
import { root } from './folders.ts';
import { createTruth } from './gremlin/truth.ts';
import { type Provider, openProvider } from './provider.ts';
import type { Twins } from './shop/twins.ts';

export interface Town extends Twins {
  /** Of the watched shop. */
  readonly url: string;
  readonly truth: pg.Pool;
  readonly provider: Provider;
  close(): Promise<void>;
}

export async function foundTown(): Promise<Town> {
  // Nothing here outlives the show, so nothing needs to reach the disk.
  const unsafe = { fsync: 'off', full_page_writes: 'off' };
  const server = await startEmbedded({
    settings: { ...unsafe, track_commit_timestamp: 'on', max_connections: '60' },
  });
  const pools: pg.Pool[] = [];
  let provider: Provider | undefined;
  const at = (database: string) => server.url.replace(/\/postgres$/, `/${database}`);
  const open = (database: string, name: string, max: number) => {
    const pool = new pg.Pool({ connectionString: at(database), application_name: name, max });
    // A connection that dies while idle is replaced at the next use.
    pool.on('error', () => undefined);
    pools.push(pool);
    return pool;
  };
  try {
    const postgres = open('postgres', 'town', 2);
    await postgres.query('create database shop');
    await Promise.all([seed(at('shop')), postgres.query('create database truth')]);
    await postgres.query('create database shop_bare template shop');
    const truth = open('truth', 'gremlin', 3);
    await createTruth(truth);
    provider = await openProvider(open('shop', 'provider', 3));
    const town = {
      url: at('shop'),
      truth,
      provider,
      watched: open('shop', 'shop', 12),
      bare: open('shop_bare', 'shop', 12),
    };
    return { ...town, close };
  } catch (error) {
    await close();
    throw error;
  }

  async function close(): Promise<void> {
    await provider?.close();
    await Promise.race([Promise.all(pools.map(pool => pool.end())), delay(2000, undefined, { ref: false })]);
    try {
      // At once: in order, it would write everything to disk first, to be deleted a moment later.
      process.kill(server.pid, 'SIGQUIT');
    } catch {
      // It is gone already.
    }
    await server.stop();
  }
}

/** Fills an empty database with a shop. */
export async function seed(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const file of ['schema.sql', 'seed.sql']) {
      await client.query(await readFile(new URL(`demo/shop/${file}`, root), 'utf8'));
    }
  } finally {
    await client.end();
  }
}

import type { Pool } from '../db/pool.ts';

/**
 * A ledger that was cloned, restored or renamed must not heal on: its system identifier, name or host differs from what
 * it remembers. Such a database only observes, until a person says `evenkeel resume database`.
 */
export interface Home {
  readonly known: boolean;
  readonly systemIdentifier: string;
  readonly database: string;
  readonly host: string;
}

/** Where this is; a ledger that remembers no place yet takes it for its own. */
export async function lookHome(pool: Pool, url: string): Promise<Home> {
  const home = await readHome(pool, url);
  if (home.first) await settleHome(pool, home);
  return home;
}

/** The same, writing nothing. `first`: the ledger remembers no place yet. */
export async function readHome(pool: Pool, url: string): Promise<Home & { readonly first: boolean }> {
  const host = hostOf(url);
  const { rows } = await pool.query<{ id: string; database: string; known: boolean; first: boolean }>(
    `with here as (select system_identifier as id, current_database()::text as database from pg_control_system())
     select h.id, h.database,
            exists (select from evenkeel.home o where (o.system_identifier, o.database, o.host) = (h.id, h.database, $1)) as known,
            not exists (select from evenkeel.home) as first
       from here h`,
    [host],
  );
  const row = rows[0];
  if (!row) throw new Error('pg_control_system() gave nothing');
  const { first } = row;
  return { systemIdentifier: row.id, database: row.database, host, known: row.known || first, first };
}

/** A person says that this is the place. */
export async function settleHome(pool: Pool, home: Omit<Home, 'known'>): Promise<void> {
  await pool.query(
    'insert into evenkeel.home (system_identifier, database, host) values ($1, $2, $3) on conflict do nothing',
    [home.systemIdentifier, home.database, home.host],
  );
}

/** All names of this machine are one place; the port tells clusters on it apart. */
function hostOf(url: string): string {
  const { hostname, port, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? hostname;
  const local = ['', 'localhost', '127.0.0.1', '[::1]'].includes(host) || host.startsWith('/');
  return local ? 'localhost' : `${host}:${port || 5432}`;
}

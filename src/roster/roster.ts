import { hostname } from 'node:os';
import { type Pool, often } from '../db/pool.ts';
import { query } from '../db/migrate.ts';
import type { Bound } from '../ask/bind.ts';
import { printRemedies } from '../declare/print.ts';
import { limitBehind } from '../declare/remedy.ts';

/**
 * Who is alive, and whose definitions are in force. Several processes share a ledger; each tells every two seconds that
 * it lives and which definitions it carries, and learns for which of them it stands.
 */
export interface Self {
  readonly id: string;
  readonly version: string;
}

/**
 * Tells that this process lives; the names of the invariants that it stands for.
 * @param refused why a wording only observes once it is in force
 */
export async function stand(
  pool: Pool,
  self: Self,
  bounds: readonly Bound[],
  unbound: readonly string[],
  refused: (bound: Bound) => string | undefined = () => undefined,
): Promise<Set<string>> {
  // Those that can't be bound have no wording that could win, but they are declared: nobody retires them.
  const definitions = Object.fromEntries([
    ...unbound.map(name => [name, '']),
    ...bounds.map(bound => [bound.name, bound.hash]),
  ]);
  await often(
    pool,
    `insert into evenkeel.process as p (id, host, pid, version, definitions) values ($1, $2, $3, $4, $5)
     on conflict (id) do update set heartbeat_at = clock_timestamp(), definitions = excluded.definitions`,
    [self.id, hostname(), process.pid, self.version, JSON.stringify(definitions)],
  );
  const mine = JSON.stringify(bounds.map(describe));
  const rows = await often<{ name: string }>(pool, query('stand'), [self.id, mine]);
  const names = new Set(rows.map(row => row.name));
  await adopt(
    pool,
    bounds.filter(bound => names.has(bound.name)),
    refused,
  );
  return names;
}

/** Puts new wordings in force, once no heal under the old one is in flight. */
async function adopt(
  pool: Pool,
  bounds: readonly Bound[],
  refused: (bound: Bound) => string | undefined,
): Promise<void> {
  const { rows } = await pool.query<{ name: string; hash: string }>(
    'select name, hash from evenkeel.invariant where retired_at is null',
  );
  const inForce = new Map(rows.map(row => [row.name, row.hash]));
  const fresh = bounds.filter(bound => inForce.get(bound.name) !== bound.hash);
  if (fresh.length === 0) return;
  const tx = await pool.connect();
  try {
    await tx.query(`begin; set local lock_timeout = '10s'; select pg_advisory_xact_lock(4526, 0)`);
    await tx.query(query('adopt'), [
      JSON.stringify(fresh.map(bound => ({ ...describe(bound), refusedWhy: refused(bound) }))),
    ]);
    await tx.query('commit');
  } catch (error) {
    await tx.query('rollback').catch(() => {});
    throw error;
  } finally {
    tx.release();
  }
}

/** Takes back what nobody living declares any more; the journal keeps its history. */
export async function retire(pool: Pool): Promise<string[]> {
  await pool.query(`delete from evenkeel.process where heartbeat_at < clock_timestamp() - interval '1 hour'`);
  const { rows } = await pool.query<{ name: string }>(
    `with alive as (
       select distinct d.key as name from evenkeel.process p cross join jsonb_object_keys(p.definitions) d(key)
        where p.heartbeat_at > clock_timestamp() - interval '30 seconds'
     ), gone as (
       update evenkeel.invariant set retired_at = clock_timestamp(), proved_at = null
        where retired_at is null and name not in (select name from alive) returning name
     ), dropped as (delete from evenkeel.violation v using gone g where v.invariant = g.name
     ), unkept as (delete from evenkeel.suspect s using gone g where s.invariant = g.name)
     select name from gone`,
  );
  return rows.map(row => row.name);
}

export async function leave(pool: Pool, self: Self): Promise<void> {
  await pool.query('delete from evenkeel.process where id = $1', [self.id]);
}

const describe = ({ name, hash, invariant, table, key }: Bound) => ({
  name,
  hash,
  says: invariant.says,
  onTable: table.quoted,
  key: key.map(column => column.name),
  heal: printRemedies(invariant.heal),
  mode: invariant.mode,
  guard: invariant.guard,
  limitName: limitBehind(invariant)?.name,
});

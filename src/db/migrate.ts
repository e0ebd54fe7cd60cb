import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { EvenkeelError } from '../errors.ts';
import { type Pool, type Tx, sqlState } from './pool.ts';

/** The folder `sql/` of the package, found upwards: from `src/db` and from `dist/src/db` alike. */
function findSql(): URL {
  for (let up = new URL('.', import.meta.url); ; up = new URL('..', up)) {
    const here = new URL('sql/', up);
    if (existsSync(new URL('migrations/', here))) return here;
    if (up.pathname === '/') throw new Error('the package lacks its folder sql/');
  }
}
const folder = findSql();

/** A statement from `sql/queries/`, for those longer than a few lines. */
export const query = (name: string): string => readFileSync(new URL(`queries/${name}.sql`, folder), 'utf8');

interface Migration {
  id: number;
  name: string;
  text: string;
}

function migrations(): Migration[] {
  return readdirSync(new URL('migrations/', folder))
    .filter(name => name.endsWith('.sql'))
    .sort()
    .map(name => ({
      id: Number.parseInt(name, 10),
      name,
      text: readFileSync(new URL(`migrations/${name}`, folder), 'utf8'),
    }));
}

/**
 * Brings the schema `evenkeel` up to date, all or nothing; the applied count. Side by side with itself it waits:
 * the advisory lock is held by the transaction, so it survives no crash.
 * @throws newer-schema, no-rights
 */
export async function migrate(pool: Pool): Promise<number> {
  const all = migrations();
  if ((await applied(pool)) === all.length) return 0;
  const tx = await pool.connect();
  try {
    await tx.query(
      `begin; set local lock_timeout = '30s'; select pg_advisory_xact_lock(hashtext('evenkeel migrate'))`,
    );
    await tx.query(ground);
    const { rows } = await tx.query<{ id: number }>('select id from evenkeel.migration');
    const done = new Set(rows.map(row => row.id));
    refuseNewer(Math.max(0, ...done), all.length);
    const missing = all.filter(migration => !done.has(migration.id));
    for (const migration of missing) await apply(tx, migration);
    await tx.query('commit');
    return missing.length;
  } catch (error) {
    await tx.query('rollback').catch(() => {});
    if (sqlState(error) === '42501') {
      throw new EvenkeelError('no-rights', 'the role may not create the schema evenkeel', {
        hint: 'As an owner: run `evenkeel install`, or GRANT CREATE ON DATABASE to this role.',
        cause: error,
      });
    }
    throw error;
  } finally {
    tx.release();
  }
}

const ground = `create schema if not exists evenkeel;
create table if not exists evenkeel.migration (
  id int primary key, name text not null, at timestamptz not null default clock_timestamp());`;

/** Everything that `migrate` would do in an empty database, as a script for psql. */
export function printMigrations(): string {
  const steps = migrations().map(
    ({ id, name, text }) =>
      `${text.trim()}\n\ninsert into evenkeel.migration (id, name) values (${id}, '${name.replaceAll("'", "''")}');`,
  );
  return ['begin;', ground, ...steps, 'commit;'].join('\n\n');
}

async function apply(tx: Tx, migration: Migration): Promise<void> {
  await tx.query(migration.text);
  await tx.query('insert into evenkeel.migration (id, name) values ($1, $2)', [migration.id, migration.name]);
}

/** How many migrations the database has; 0 where nothing is installed. @throws newer-schema */
async function applied(pool: Pool): Promise<number> {
  try {
    const { rows } = await pool.query<{ n: number }>(
      'select coalesce(max(id), 0) as n from evenkeel.migration',
    );
    const n = rows[0]?.n ?? 0;
    refuseNewer(n, migrations().length);
    return n;
  } catch (error) {
    if (sqlState(error) === '42P01' || sqlState(error) === '3F000') return 0;
    throw error;
  }
}

function refuseNewer(have: number, know: number): void {
  if (have > know) {
    throw new EvenkeelError(
      'newer-schema',
      `the schema evenkeel is at version ${have}; this Evenkeel knows ${know}`,
    );
  }
}

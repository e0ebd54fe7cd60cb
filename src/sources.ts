import type { Redis } from 'ioredis';
import pg from 'pg';
import type { SourceDefinition } from './declare/from.ts';
import { EvenkeelError } from './errors.ts';

/** Ready-made sources for `from(limit, …)`. Each keeps its connection for as long as the process lives. */

const pageSize = 500;

/**
 * Counters in Redis, as rows `{ key, value }`: every key that matches, with what GET says of it. It needs the package ioredis.
 * @param match a pattern as SCAN takes it: `quota:*`
 */
export function redisCounters(url: string, { match = '*' }: { match?: string } = {}): SourceDefinition {
  let connected: Promise<Redis> | undefined;
  const client = () =>
    (connected ??= import('ioredis')
      .then(peer => {
        const redis = new peer.Redis(url, { maxRetriesPerRequest: 1, commandTimeout: 10_000 });
        redis.on('error', () => {});
        // Nobody ends a source; a process that has nothing else to do may.
        redis.on('connect', () => (redis as unknown as { stream?: { unref?(): void } }).stream?.unref?.());
        return redis;
      })
      .catch((cause: unknown) => {
        throw new EvenkeelError('no-client', 'the package ioredis is not installed', { cause });
      }));
  const rowsOf = async (keys: readonly string[]) => {
    if (keys.length === 0) return [];
    const values = await (await client()).mget([...keys]);
    return keys.flatMap((key, i) => (typeof values[i] === 'string' ? [{ key, value: values[i] }] : []));
  };
  return {
    async get(keys, upstream) {
      await upstream.reserve(1);
      return rowsOf(keys.map(({ key }) => String(key)));
    },
    async list(cursor, upstream) {
      await upstream.reserve(1);
      const [next, keys] = await (await client()).scan(cursor ?? '0', 'MATCH', match, 'COUNT', pageSize);
      // SCAN may tell a key more than once.
      return { rows: await rowsOf([...new Set(keys)]), next: next === '0' ? undefined : next };
    },
    batch: pageSize,
  };
}

/** A table of another Postgres, by its key. */
export function postgres(
  url: string,
  { table, key, columns }: { table: string; key: string | readonly string[]; columns: readonly string[] },
): SourceDefinition {
  const parts = typeof key === 'string' ? [key] : [...key];
  let pool: pg.Pool | undefined;
  const query = async (text: string, values: unknown[]) => {
    pool ??= new pg.Pool({ connectionString: url, max: 2, statement_timeout: 30_000, allowExitOnIdle: true });
    pool.on('error', () => {});
    return (await pool.query<Record<string, string | null>>(text, values)).rows;
  };
  const named = table.split('.').map(quoted).join('.');
  const list = [...parts, ...columns].map(name => `t.${quoted(name)}::text as ${quoted(name)}`).join(', ');
  const keys = parts.map(name => `t.${quoted(name)}`).join(', ');
  return {
    async get(wanted, upstream) {
      await upstream.reserve(1);
      const texts = parts.map(name => wanted.map(one => one[name] ?? null));
      const on = parts.map((name, i) => `t.${quoted(name)}::text = v.k${i}`).join(' and ');
      const from = `unnest(${parts.map((_, i) => `$${i + 1}::text[]`).join(', ')}) v(${parts.map((_, i) => `k${i}`).join(', ')})`;
      return query(`select ${list} from ${named} t join ${from} on ${on}`, texts);
    },
    async list(cursor, upstream) {
      await upstream.reserve(1);
      const after = cursor === undefined ? [] : (JSON.parse(cursor) as (string | null)[]);
      const beyond =
        after.length === 0 ? '' : `where (${keys}) > (${parts.map((_, i) => `$${i + 1}`).join(', ')})`;
      const rows = await query(
        `select ${list} from ${named} t ${beyond} order by ${keys} limit ${pageSize}`,
        after,
      );
      const last = rows.at(-1);
      const next =
        rows.length < pageSize || !last ? undefined : JSON.stringify(parts.map(name => last[name] ?? null));
      return { rows, next };
    },
    batch: pageSize,
  };
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

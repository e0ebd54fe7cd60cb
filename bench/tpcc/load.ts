import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { here } from './place.ts';

/** What is in the specification; a test may load less. */
export interface Scale {
  readonly warehouses: number;
  /** In each of a warehouse's ten districts; as many orders. 3,000 in the specification. */
  readonly customers: number;
  /** 100,000 in the specification. */
  readonly items: number;
}

export const fullScale = (warehouses: number): Scale => ({ warehouses, customers: 3_000, items: 100_000 });

const text = (name: string): string => readFileSync(new URL(name, here), 'utf8');

/** Schema, data, keys, statistics. Set-based, two warehouses at once; one takes a few seconds. */
export async function load(pool: pg.Pool, { warehouses, customers, items }: Scale): Promise<void> {
  await pool.query(text('schema.sql'));
  const statements = text('load.sql').split(/\n\n/);
  let next = 1;
  const loader = async () => {
    while (next <= warehouses) {
      const values: Record<string, number> = { w: next++, customers, items };
      for (const statement of statements)
        await pool.query(statement.replace(/(?<!:):([a-z]+)/g, (_, name: string) => `${values[name]}`));
    }
  };
  await Promise.all([loader(), loader(), loadItems(pool, items)]);
  await pool.query(text('keys.sql'));
  await pool.query('vacuum analyze');
}

const loadItems = (pool: pg.Pool, items: number) =>
  pool.query(
    `insert into item
     select i, 1 + floor(random() * 10000)::int, left(md5(random()::text), 14 + (random() * 10)::int),
            1 + floor(random() * 9901) / 100, case when random() < 0.1 then 'ORIGINAL' else '' end || left(md5(random()::text), 26)
       from generate_series(1, $1::int) i`,
    [items],
  );

import { quote } from '../../src/db/pool.ts';
import type { FreshDatabase } from '../support/database.ts';

/** A row of the application: its text, and where this version of it lies. */
export interface Content {
  /** Schema-qualified and quoted; of a partitioned table, the partition. */
  readonly table: string;
  readonly place: string;
  readonly text: string;
}

/** Every row of every table that isn't Evenkeel's, in the order of tables and texts. */
export async function contents(db: FreshDatabase): Promise<Content[]> {
  const tables = await db.sql(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema|evenkeel)' order by 1, 2`,
  );
  const all: Content[] = [];
  for (const { schema, name } of tables as { schema: string; name: string }[]) {
    const [{ table }] = (await db.sql(`select quote_ident($1) || '.' || quote_ident($2) as table`, [
      schema,
      name,
    ])) as [{ table: string }];
    const rows = await db.sql(
      `select ctid::text || ' ' || xmin::text as place, t::text as text from ${quote(schema)}.${quote(name)} t order by 2, 1`,
    );
    for (const { place, text } of rows as Omit<Content, 'table'>[]) all.push({ table, place, text });
  }
  return all;
}

/** Rows that say the same as before in a new version: somebody wrote them for nothing. */
export function rewritten(before: readonly Content[], after: readonly Content[]): string[] {
  const places = new Map<string, string[]>();
  for (const { table, place, text } of before) {
    const id = `${table} ${text}`;
    places.set(id, [...(places.get(id) ?? []), place]);
  }
  return after.flatMap(({ table, place, text }) => {
    const were = places.get(`${table} ${text}`);
    return were && !were.includes(place) ? [`${table} ${text}`] : [];
  });
}

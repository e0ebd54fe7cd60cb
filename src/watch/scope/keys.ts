import { type Tx, ask, quote } from '../../db/pool.ts';
import type { Path } from './derive.ts';

/**
 * The keys that rows can touch along one path, looked up in the current state. `images`: rows as they were and as they
 * are, column → text, with at least the path's columns. Superset: a key may come up that is as it was.
 */
export async function keysVia(
  tx: Tx,
  path: Path,
  images: readonly Readonly<Record<string, string | null>>[],
): Promise<(string | null)[][]> {
  const possible = (key: readonly (string | null)[]) =>
    key.every((part, i) => part !== null || path.nulls[i]);
  if (path.joins.length === 0) {
    const names = path.key.map(
      expression => path.columns.find(name => `o.${quote(name)}` === expression) as string,
    );
    return images.map(image => names.map(name => image[name] ?? null)).filter(possible);
  }
  const typed = path.columns.map((name, i) => {
    const column = path.relation.columns.find(one => one.name === name);
    return { name, type: column?.base, i };
  });
  const from = `(select ${typed.map(({ name, type, i }) => `u.c${i}::${type} as ${quote(name)}`).join(', ')}
    from unnest(${typed.map(({ i }) => `$${i + 1}::text[]`).join(', ')}) u(${typed.map(({ i }) => `c${i}`).join(', ')})) o`;
  const keys = await ask(
    tx,
    `select distinct ${path.key.map(expression => `${expression}::text`).join(', ')} from ${from} ${path.joins.join(' ')}`,
    path.columns.map(name => images.map(image => image[name] ?? null)),
  );
  return keys.filter(possible);
}

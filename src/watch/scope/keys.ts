import { columnOf } from '../../catalog/relation.ts';
import { type Tx, ask, quote } from '../../db/pool.ts';
import type { Path } from './derive.ts';

/** A key as column text, in the order of the invariant's key. */
type Key = readonly (string | null)[];
/** Values of some columns as column text. */
type Image = readonly (string | null)[];

/**
 * For a path without joins: the key that a row's image holds; undefined where such a row can matter to none. It is called
 * for every changed row, so all that can be known of the path is worked out here, once.
 * @param columns what stands in an image, in its order
 */
export function compile(path: Path, columns: readonly string[]): (image: Image) => Key | undefined {
  const parts = path.key.map((expression, i) => {
    const name = path.columns.find(one => `o.${quote(one)}` === expression) ?? '';
    const at = columns.indexOf(name);
    if (at === -1) throw new Error(`${path.relation.quoted}: an image without ${expression}`);
    return { at, nulls: path.nulls[i] === true, print: prints[columnOf(path.relation, name)?.family ?? 0] };
  });
  const [only] = parts;
  if (only && parts.length === 1 && !only.print) {
    const { at, nulls } = only;
    return image => {
      const value = image[at] ?? null;
      return value !== null || nulls ? [value] : undefined;
    };
  }
  return image => {
    const key: (string | null)[] = [];
    for (const { at, nulls, print } of parts) {
      const value = image[at] ?? null;
      if (value === null && !nulls) return undefined;
      key.push(value !== null && print ? print(value) : value);
    }
    return key;
  };
}

/**
 * Keys are text as `::text` prints them, because that is how they are found and kept. Replication prints with the type's
 * own output function, which for these is another one. By oid.
 */
const prints: Readonly<Record<number, (text: string) => string>> = {
  /** boolean */
  16: text => (text === 't' ? 'true' : text === 'f' ? 'false' : text),
  /** inet */
  869: text => (text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`),
  /** character(n), padded */
  1042: text => text.replace(/ +$/, ''),
};

/**
 * For a path with joins: the keys that the rows lead to, looked up in the current state. Each image is asked once. Superset:
 * a key may come up that is as it was.
 */
export async function lookUp(
  tx: Tx,
  path: Path,
  columns: readonly string[],
  images: readonly Image[],
): Promise<Key[]> {
  const at = path.columns.map(name => columns.indexOf(name));
  const starts = new Map<string, Image>();
  for (const image of images) {
    const start = at.map(i => image[i] ?? null);
    // NULL equals nothing, so it leads nowhere.
    if (!start.includes(null)) starts.set(JSON.stringify(start), start);
  }
  if (starts.size === 0) return [];
  const typed = path.columns.map((name, i) => ({ name, type: columnOf(path.relation, name)?.base, i }));
  const from = `(select ${typed.map(({ name, type, i }) => `u.c${i}::${type} as ${quote(name)}`).join(', ')}
    from unnest(${typed.map(({ i }) => `$${i + 1}::text[]`).join(', ')}) u(${typed.map(({ i }) => `c${i}`).join(', ')})) o`;
  const keys = await ask(
    tx,
    `select distinct ${path.key.map(expression => `${expression}::text`).join(', ')} from ${from} ${path.joins.join(' ')}`,
    path.columns.map((_, i) => [...starts.values()].map(start => start[i] ?? null)),
  );
  return keys.filter(key => key.every((part, i) => part !== null || path.nulls[i]));
}

/** The keys that rows can touch along one path, whatever it looks like. `images`: column → text. */
export async function keysVia(
  tx: Tx,
  path: Path,
  images: readonly Readonly<Record<string, string | null>>[],
): Promise<Key[]> {
  const starts = images.map(image => path.columns.map(name => image[name] ?? null));
  if (path.joins.length > 0) return lookUp(tx, path, path.columns, starts);
  const keyOf = compile(path, path.columns);
  return starts.flatMap(start => {
    const key = keyOf(start);
    return key ? [key] : [];
  });
}

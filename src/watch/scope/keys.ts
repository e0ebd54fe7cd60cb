import { columnOf } from '../../catalog/relation.ts';
import { type Tx, arrayText, ask, quote } from '../../db/pool.ts';
import type { Path } from './derive.ts';

/** A key as column text, in the order of the invariant's key. */
type Key = readonly (string | null)[];
/** Values of some columns as column text. */
type Image = readonly (string | null | undefined)[];

/** Where a row itself holds the key. */
export type Direct = Pick<Path, 'relation' | 'columns' | 'key' | 'nulls' | 'families'>;

/**
 * For a path without joins: the key that a row's image holds; undefined where such a row can matter to none. It is called
 * for every changed row, so all that can be known of the path is worked out here, once.
 * @param columns what stands in an image, in its order
 */
export function compile(path: Direct, columns: readonly string[]): (image: Image) => Key | undefined {
  const parts = path.key.map((expression, i) => {
    const name = path.columns.find(one => `o.${quote(one)}` === expression) ?? '';
    const at = columns.indexOf(name);
    const family = columnOf(path.relation, name)?.family ?? 0;
    if (at === -1) throw new Error(`${path.relation.quoted}: an image without ${expression}`);
    const most = family === path.families[i] ? undefined : largest[path.families[i] ?? 0];
    return { at, nulls: path.nulls[i] === true, print: prints[family], most };
  });
  const [only] = parts;
  if (only && parts.length === 1 && !only.print && only.most === undefined) {
    const { at, nulls } = only;
    return image => {
      const value = image[at] ?? null;
      return value !== null || nulls ? [value] : undefined;
    };
  }
  return image => {
    // Made as long as it is: one that grows takes several times the room, and this is done for each row.
    const key = Array<string | null>(parts.length);
    for (let i = 0; i < parts.length; i++) {
      const { at, nulls, print, most } = parts[i] as (typeof parts)[number];
      const value = image[at] ?? null;
      if (value === null ? !nulls : exceeds(value, most)) return undefined;
      key[i] = value !== null && print ? print(value) : value;
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

/** Whole numbers of a wider column that can be no key: to ask for one would be an error. By oid of the key's type. */
const largest: Readonly<Record<number, number>> = { 21: 32_767, 23: 2_147_483_647 };

const exceeds = (value: string, most: number | undefined): boolean =>
  most !== undefined && (Number(value) > most || Number(value) < -most - 1);

/**
 * For a path with joins: the keys that the rows lead to, looked up in the current state. Superset: a key may come up that
 * is as it was.
 * @param starts values of the path's columns, in its order
 * @returns each key once, with the last of the starts that leads to it
 */
export async function lookUp(
  tx: Tx,
  path: Path,
  starts: readonly Image[],
): Promise<{ readonly key: Key; readonly start: number }[]> {
  const typed = path.columns.map((name, i) => ({ name, type: columnOf(path.relation, name)?.base, i }));
  let nth = '#';
  while (path.columns.includes(nth)) nth += '#';
  const from = `(select u.n as ${quote(nth)}, ${typed.map(({ name, type, i }) => `u.c${i}::${type} as ${quote(name)}`).join(', ')}
    from unnest(${typed.map(({ i }) => `$${i + 1}::text[]`).join(', ')}) with ordinality
      u(${typed.map(({ i }) => `c${i}`).join(', ')}, n)) o`;
  const list = path.key.map(expression => `${expression}::text`).join(', ');
  const rows = await ask(
    tx,
    `select max(o.${quote(nth)}), ${list} from ${from} ${path.joins.join(' ')}
      group by ${path.key.map((_, i) => i + 2).join(', ')}`,
    path.columns.map((_, i) => arrayText(starts.map(start => start[i] ?? null))),
  );
  return rows
    .map(([n, ...key]) => ({ key, start: Number(n) - 1 }))
    .filter(({ key }) =>
      key.every((part, i) =>
        part === null ? path.nulls[i] : !exceeds(part, largest[path.families[i] ?? 0]),
      ),
    );
}

/** The keys that rows can touch along one path, whatever it looks like. `images`: column → text. */
export async function keysVia(
  tx: Tx,
  path: Path,
  images: readonly Readonly<Record<string, string | null>>[],
): Promise<Key[]> {
  const starts = images.map(image => path.columns.map(name => image[name] ?? null));
  if (path.joins.length > 0) return (await lookUp(tx, path, starts)).map(({ key }) => key);
  const keyOf = compile(path, path.columns);
  return starts.flatMap(start => {
    const key = keyOf(start);
    return key ? [key] : [];
  });
}

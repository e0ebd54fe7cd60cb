import type { SelectStmt } from './parse.ts';
import type { Vertex } from './graph.ts';

/** What a name can mean: the FROM items of a level, then those of the levels outside. */
export interface Scope {
  readonly items: Item[];
  readonly outer: Scope | undefined;
  readonly ctes: Map<string, Cte>;
}

export interface Cte {
  readonly select: SelectStmt;
  readonly columns: string[];
  readonly scope: Scope;
  readonly recursive: boolean;
}

/** A column, as far as it can be followed. */
export interface Column {
  /** Undefined: opaque. */
  readonly at: Vertex | undefined;
  /** How many outer joins around it may put NULL in its place. */
  readonly nulls: number;
}
export const opaque: Column = { at: undefined, nulls: 0 };

/** What a FROM item offers under its alias. */
export interface Item {
  /** Undefined: not known, or none. */
  readonly alias: string | undefined;
  /** Of a table that goes by its own name: where it stands. */
  readonly schema: string | undefined;
  readonly columns: Map<string, Column>;
  /** It may have more columns than are known; a name that isn't found may be its. */
  readonly open: boolean;
  /** Columns merged by USING: unqualified names mean these. The item stands for nothing else. */
  readonly merged?: true;
}

/** The name of a result column whose name isn't certain. */
export const unnamed = '';

/** A result column. */
export interface Output extends Column {
  readonly name: string;
}

export interface Outputs {
  readonly list: readonly Output[];
  /** A star stood for columns that aren't known: positions mean nothing then, names still do. */
  readonly ragged: boolean;
}

export function item(alias: string | undefined, outputs: Outputs, schema?: string): Item {
  const columns = new Map<string, Column>();
  for (const { name, at, nulls } of outputs.list)
    columns.set(name, columns.has(name) ? opaque : { at, nulls });
  return { alias, schema, columns, open: outputs.ragged || columns.delete(unnamed) };
}

export function rename(outputs: Outputs, to: readonly string[]): Outputs {
  if (to.length === 0) return outputs;
  if (outputs.ragged) return { list: to.map(name => ({ name, ...opaque })), ragged: true };
  return {
    list: outputs.list.map((output, i) => ({ ...output, name: to[i] ?? output.name })),
    ragged: false,
  };
}

/** What `path` (`c`, `t.c`, `s.t.c`) means; undefined: nothing by that name. */
export function lookUp(path: readonly string[], scope: Scope): Column | undefined {
  for (let level: Scope | undefined = scope; level; level = level.outer) {
    const found = within(path, level.items);
    if (found) return found;
  }
  return undefined;
}

/** The same at one level only. */
export function within(path: readonly string[], items: readonly Item[]): Column | undefined {
  const name = path.at(-1);
  const table = path.at(-2);
  const schema = path.at(-3);
  if (name === undefined || path.length > 3) return opaque;
  if (table === undefined) {
    const hits = items.filter(one => one.columns.has(name));
    const hit = hits.findLast(one => one.merged) ?? (hits.length === 1 ? hits[0] : undefined);
    if (hits.length > 0) return hit?.columns.get(name) ?? opaque;
    return items.some(one => one.open) ? opaque : undefined;
  }
  const hits = items.filter(one => one.alias === table && (schema === undefined || one.schema === schema));
  if (hits.length > 0) return (hits.length === 1 && hits[0]?.columns.get(name)) || opaque;
  return items.some(one => one.open && one.alias === undefined) ? opaque : undefined;
}

export const vertices = (items: readonly Item[]): Set<Vertex> =>
  new Set(
    items.flatMap(one => [...one.columns.values()].flatMap(({ at }) => (at === undefined ? [] : [at]))),
  );

/** All that `*` or `t.*` stands for, in Postgres's order. */
export function star(path: readonly string[], scope: Scope): Outputs {
  const table = path.at(-1);
  const items = scope.items.filter(one => table === undefined || one.alias === table);
  return items.length > 0 ? everything(items) : { list: [], ragged: true };
}

function everything(items: readonly Item[]): Outputs {
  // Where columns were merged their order depends on the joins: names will do, positions are not relied on.
  const merged = items.filter(one => one.merged);
  const hidden = new Set(merged.flatMap(one => [...one.columns.keys()]));
  const first = new Map(merged.flatMap(one => [...one.columns]));
  const rest = items
    .filter(one => !one.merged)
    .flatMap(one => [...one.columns].filter(([name]) => !hidden.has(name)));
  return {
    list: [...first, ...rest].map(([name, column]) => ({ name, ...column })),
    ragged: merged.length > 0 || items.some(one => one.open),
  };
}

import { fields } from '../watch/scope/ast.ts';
import type { Node } from '../watch/scope/parse.ts';
import { nodesOf } from './expression.ts';
import type { Table } from './table.ts';

/** A base table under the name that a condition calls it by. */
export interface Source {
  readonly table: Table;
  readonly alias: string;
}

/** What holds of the rows of one source, or (without one) of several. */
export interface Constraint {
  readonly source: Source | undefined;
  /** For a witness: what is refused on insert. Of one source, with its bare names; of several, with those of the sources. */
  readonly strict: string;
  /** For a proof: what is certain; undefined: nothing. */
  readonly loose: string | undefined;
  /** Of `loose`, its columns named by source; true or false parts of it, joined in any way. */
  readonly nodes: readonly Node[];
  /** Ids of the columns that it ties together. */
  readonly ids: readonly string[];
  readonly ground: string;
}

/** The tree with each column named by its id; undefined: it reads something else, too. */
export function named(root: Node, idOf: (path: readonly string[]) => string | undefined): Node | undefined {
  for (const node of nodesOf(root)) {
    if ('SubLink' in node || 'A_Star' in node || 'ParamRef' in node) return undefined;
    if ('ColumnRef' in node && idOf(fields(node)) === undefined) return undefined;
  }
  return mapped(root, node => ref(idOf(fields(node)) ?? ''));
}

export const ref = (id: string): Node => ({ ColumnRef: { fields: [{ String: { sval: id } }] } });

export function mapped(root: Node, of: (node: Node) => Node): Node {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== 'object') return value;
    if ('ColumnRef' in value) return of(value as Node);
    return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, walk(below)]));
  };
  return walk(root) as Node;
}

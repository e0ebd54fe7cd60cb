import type { Column, Relation } from '../../catalog/relation.ts';
import { type Condition, type Test, fit } from './condition.ts';

/**
 * Which rows can matter to which key: a directed graph over (occurrence, column).
 *
 * An edge x → y says: a row that holds v in x can only matter to results that hold v in y. So whatever reaches the key
 * column k by edges alone holds the key itself, and a column that reaches another table's column tells where to look
 * further. The edges are column equalities (ON and WHERE conjuncts, correlations) plus the ways out of sub-selects; an
 * outer join's equality binds its nullable side only, so it has one direction.
 */
export class Graph {
  readonly occurrences: Occurrence[] = [];
  readonly #edges = new Map<Vertex, Set<Vertex>>();
  /** Those of the edges over which NULL passes too. */
  readonly #same = new Map<Vertex, Set<Vertex>>();
  readonly #conditions = new Map<Occurrence, Condition[]>();
  #virtual = 0;

  table(relation: Relation, text: Span | undefined): Occurrence {
    const occurrence = { id: this.occurrences.length, relation, text };
    this.occurrences.push(occurrence);
    return occurrence;
  }

  /** A column that is no table's: of a set operation, or merged by USING. */
  virtual(family: number): Vertex {
    return `v${this.#virtual++}.${family}`;
  }

  isVirtual(vertex: Vertex): boolean {
    return vertex.startsWith('v');
  }

  /** `from = to`: NULL equals nothing. */
  edge(from: Vertex, to: Vertex): void {
    if (sameEquality(this.family(from), this.family(to))) put(this.#edges, from, to);
  }

  /** What stands in `from` stands in `to`, NULL included. */
  same(from: Vertex, to: Vertex): void {
    this.edge(from, to);
    put(this.#same, from, to);
  }

  /** Rows of its table matter only where this column passes the test. */
  require(at: Vertex, test: Test): void {
    if (this.isVirtual(at)) return;
    const { occurrence, column } = this.parts(at);
    const own = fit(test, column);
    if (own)
      this.#conditions.set(occurrence, [...this.conditions(occurrence), { column: column.name, test: own }]);
  }

  conditions(occurrence: Occurrence): readonly Condition[] {
    return this.#conditions.get(occurrence) ?? [];
  }

  /** All that `from` reaches, itself included. */
  reach(from: Vertex): Set<Vertex> {
    return closure(this.#edges, from);
  }

  /** All that a NULL in `from` reaches. */
  reachOfNull(from: Vertex): Set<Vertex> {
    return closure(this.#same, from);
  }

  family(vertex: Vertex): number {
    if (this.isVirtual(vertex)) return Number(vertex.split('.')[1]);
    return this.parts(vertex).column.family;
  }

  parts(vertex: Vertex): { occurrence: Occurrence; column: Column } {
    const dot = vertex.indexOf('.');
    const occurrence = this.occurrences[Number(vertex.slice(0, dot))];
    const column = occurrence?.relation.columns.find(one => one.name === vertex.slice(dot + 1));
    if (!occurrence || !column) throw new Error(`no vertex ${vertex}`);
    return { occurrence, column };
  }
}

/** `<occurrence>.<column>` of a table, `v<n>.<type>` of a virtual column. */
export type Vertex = string;

export const vertex = (occurrence: Occurrence, column: string): Vertex => `${occurrence.id}.${column}`;

/** One mention of a base table in a query; `text`: where its name stands, in bytes, if it stands in the user's text. */
export interface Occurrence {
  readonly id: number;
  readonly relation: Relation;
  readonly text: Span | undefined;
}

export interface Span {
  readonly from: number;
  /** The name it goes by when it has no alias. */
  readonly bare: string | undefined;
}

function put(edges: Map<Vertex, Set<Vertex>>, from: Vertex, to: Vertex): void {
  const out = edges.get(from);
  if (out) out.add(to);
  else edges.set(from, new Set([to]));
}

function closure(edges: ReadonlyMap<Vertex, ReadonlySet<Vertex>>, from: Vertex): Set<Vertex> {
  const seen = new Set([from]);
  for (const vertex of seen) for (const next of edges.get(vertex) ?? []) seen.add(next);
  return seen;
}

/** Equal values print alike only within a family: 5 = 5.00, yet '5.00' is no bigint. */
export function sameEquality(a: number, b: number): boolean {
  const family = (oid: number) => ([20, 21, 23].includes(oid) ? 20 : [25, 1043].includes(oid) ? 25 : oid);
  return family(a) === family(b);
}

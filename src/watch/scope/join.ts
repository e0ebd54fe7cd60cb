import { conjuncts, equals, fields } from './ast.ts';
import type { Graph, Vertex } from './graph.ts';
import { type Column, type Item, type Scope, lookUp, opaque, vertices, within } from './names.ts';
import type { Node } from './parse.ts';

/** Which side's rows a join's equality binds: only those can matter to nothing but their partners. */
export type Direction = 'both' | 'left-to-right' | 'right-to-left' | 'none';

export interface Sides {
  readonly left: ReadonlySet<Vertex>;
  readonly right: ReadonlySet<Vertex>;
}

/** What equalities and joins add to the graph. */
export class Joins {
  readonly #graph: Graph;
  /** Equalities of FULL JOINs, with how often their sides were filled with NULL by then: `coalesce` is what either means. */
  readonly #full: { a: Vertex; b: Vertex; nulls: number }[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** One conjunct: `x = y`, `(a, b) = (x, y)`. */
  equal(node: Node, scope: Scope, direction: Direction, sides?: Sides): void {
    for (const [l, r] of equals(node)) {
      const [x, y] = [l, r].map(side => ('ColumnRef' in side ? lookUp(fields(side), scope) : undefined));
      if (!x || !y || x.at === undefined || y.at === undefined || x.at === y.at) continue;
      const across =
        sides && [x.at, y.at].some(at => sides.left.has(at)) && [x.at, y.at].some(at => sides.right.has(at));
      if (direction !== 'none') this.#bind(x.at, y.at, direction, scope, sides);
      else if (across) this.#full.push({ a: x.at, b: y.at, nulls: Math.max(x.nulls, y.nulls) + 1 });
    }
  }

  #bind(x: Vertex, y: Vertex, direction: Direction, scope: Scope, sides: Sides | undefined): void {
    const here = vertices(scope.items);
    if (!here.has(x) || !here.has(y)) {
      // A correlation: the inner row matters only to the outer rows that hold its value, and not the other way round.
      const [inner, outer] = here.has(x) ? [x, y] : [y, x];
      const side = sides?.left.has(inner) ? 'left' : 'right';
      if (!here.has(inner)) return;
      if (direction === 'right-to-left' && side === 'left') return;
      if (direction === 'left-to-right' && side === 'right') return;
      this.#graph.edge(inner, outer);
      return;
    }
    if (!sides) return this.#link(x, y, 'both');
    if (sides.left.has(x) && sides.right.has(y)) this.#link(x, y, direction);
    else if (sides.left.has(y) && sides.right.has(x)) this.#link(y, x, direction);
    else if (direction === 'both') this.#link(x, y, 'both');
    else if (direction === 'right-to-left' && sides.right.has(x) && sides.right.has(y))
      this.#link(x, y, 'both');
    else if (direction === 'left-to-right' && sides.left.has(x) && sides.left.has(y))
      this.#link(x, y, 'both');
  }

  #link(left: Vertex, right: Vertex, direction: Direction): void {
    if (direction === 'both' || direction === 'left-to-right') this.#graph.edge(left, right);
    if (direction === 'both' || direction === 'right-to-left') this.#graph.edge(right, left);
  }

  /** The columns that USING and NATURAL merge. */
  using(
    shared: readonly string[],
    left: readonly Item[],
    right: readonly Item[],
    direction: Direction,
  ): Map<string, Column> {
    const merged = new Map<string, Column>();
    for (const name of shared) {
      const a = within([name], left) ?? opaque;
      const b = within([name], right) ?? opaque;
      if (a.at === undefined || b.at === undefined) {
        merged.set(name, opaque);
        continue;
      }
      this.#link(a.at, b.at, direction);
      if (direction === 'none') this.#full.push({ a: a.at, b: b.at, nulls: Math.max(a.nulls, b.nulls) + 1 });
      // A merged column of an inner or one-sided join is the preserved side's own.
      const both =
        direction === 'none'
          ? this.coalesce({ ...a, nulls: a.nulls + 1 }, { ...b, nulls: b.nulls + 1 })
          : undefined;
      merged.set(name, both ?? (direction === 'left-to-right' ? b : a));
    }
    return merged;
  }

  /** `coalesce(a, b)` of the two sides of a FULL JOIN: a row of either matters only to results that hold its value. */
  coalesce(a: Column, b: Column): Column {
    const pair = this.#full.find(
      one => (one.a === a.at && one.b === b.at) || (one.a === b.at && one.b === a.at),
    );
    if (!pair) return opaque;
    const merged = this.#graph.virtual(this.#graph.family(pair.a));
    this.#graph.same(pair.a, merged);
    this.#graph.same(pair.b, merged);
    return { at: merged, nulls: Math.max(a.nulls, b.nulls) - pair.nulls };
  }

  /** The items of a join, those of the side that it may fill with NULL marked so. */
  widen(left: readonly Item[], right: readonly Item[], direction: Direction): Item[] {
    const filled = (one: Item): Item => ({
      ...one,
      columns: new Map([...one.columns].map(([name, { at, nulls }]) => [name, { at, nulls: nulls + 1 }])),
    });
    const lefts = direction === 'left-to-right' || direction === 'none' ? left.map(filled) : left;
    const rights = direction === 'right-to-left' || direction === 'none' ? right.map(filled) : right;
    return [...lefts, ...rights];
  }
}

export const directions: Readonly<Record<string, Direction>> = {
  JOIN_INNER: 'both',
  JOIN_LEFT: 'right-to-left',
  JOIN_RIGHT: 'left-to-right',
};

/** Columns that both sides have; undefined where a side's columns aren't all known. */
export function common(left: readonly Item[], right: readonly Item[]): string[] | undefined {
  if ([...left, ...right].some(one => one.open)) return undefined;
  const of = (items: readonly Item[]) => new Set(items.flatMap(one => [...one.columns.keys()]));
  const rights = of(right);
  return [...of(left)].filter(name => rights.has(name));
}

/** Columns in which WHERE lets no NULL pass: an outer join's filling doesn't show in them. */
export function solid(where: Node | undefined, scope: Scope): Set<Vertex> {
  const found = new Set<Vertex>();
  const add = (node: Node | undefined) => {
    const at = node && 'ColumnRef' in node ? within(fields(node), scope.items)?.at : undefined;
    if (at !== undefined) found.add(at);
  };
  for (const conjunct of conjuncts(where)) {
    for (const pair of equals(conjunct)) pair.forEach(add);
    if ('NullTest' in conjunct && conjunct.NullTest.nulltesttype === 'IS_NOT_NULL')
      add(conjunct.NullTest.arg);
  }
  return found;
}

import type { Relation } from '../../catalog/relation.ts';
import { quote } from '../../db/pool.ts';
import type { Condition } from './condition.ts';
import { type Graph, type Occurrence, type Vertex, vertex } from './graph.ts';
import type { Output } from './names.ts';

/**
 * How a changed row of one table occurrence leads to the keys that it can touch: hop by hop along equal columns, by the
 * shortest way to a table that holds the whole key.
 *
 * Argument: let what is said of key k differ between two states. Then a changed row is linked to k in one of them by such
 * a chain of rows. If in the new state, then looking up from its new image, in the current state, arrives at k. If only
 * in the old one, take the changed row with the fewest hops to go: those further on have fewer, so they are unchanged,
 * and looking up from its old image arrives at k. (A key whose parts come from two tables breaks this: both may change
 * at once, and neither old row meets the other.) A row that fails a condition on its own columns is linked to nothing in
 * that state. Other predicates that are no hop are dropped: a superset of keys is harmless, they are asked again.
 */
export interface Path {
  readonly relation: Relation;
  /** Columns of the changed row that the path needs. */
  readonly columns: readonly string[];
  /** Each key column as an SQL expression over `o` (the changed row's columns) and `t1`, `t2` … */
  readonly key: readonly string[];
  /** Of each key column: a NULL in it is a key that can be met; elsewhere it only says that the row matters to none. */
  readonly nulls: readonly boolean[];
  /** The type of each key column, by oid: a bigint may hold what is no integer key. */
  readonly families: readonly (number | undefined)[];
  /** Rows that fail one of these matter to no key. */
  readonly where: readonly Condition[];
  /** Look-ups on the way; none: the row itself holds the key. */
  readonly joins: readonly string[];
  /** Tables that are looked into, in order. */
  readonly through: readonly Hop[];
}

/** A table on the way: rows whose `enters` columns are equal to what came before; their `leaves` columns lead on. */
export interface Hop {
  readonly relation: Relation;
  readonly enters: readonly string[];
  readonly leaves: readonly string[];
}

export type Derived = { readonly path: Path } | { readonly relation: Relation; readonly why: string };

/** Hops. */
const deepest = 4;

/** @param families of the key columns */
export function derive(
  graph: Graph,
  occurrence: Occurrence,
  keys: readonly Output[],
  families: Path['families'],
): Derived {
  const fail = (why: string) => ({ relation: occurrence.relation, why });
  for (const { name, at, nulls } of keys) {
    if (at === undefined) return fail(`the key ${name} is computed or depends on other rows`);
    if (nulls > 0) return fail(`the key ${name} is NULL where an outer join finds no row`);
  }
  const targets = keys.map(({ at }) => at as Vertex);
  const members: Member[] = [{ occurrence, from: undefined, hops: 0 }];
  const met = new Set<Vertex>();
  for (const member of members) {
    const columns = targets.map(target => holder(graph, member, target));
    if (columns.every(column => column !== undefined))
      return {
        path: { ...assemble(graph, member, columns, targets), families, where: graph.conditions(occurrence) },
      };
    for (const { name } of member.occurrence.relation.columns) {
      for (const reached of graph.reach(vertex(member.occurrence, name))) {
        met.add(reached);
        if (graph.isVirtual(reached) || member.hops === deepest) continue;
        const next = graph.parts(reached).occurrence;
        if (!members.some(one => one.occurrence === next))
          members.push({ occurrence: next, from: member, hops: member.hops + 1 });
      }
    }
  }
  const missing = keys.filter(({ at }) => !met.has(at as Vertex)).map(({ name }) => name);
  if (missing.length === 0)
    return fail(`its way to the key (${keys.map(({ name }) => name).join(', ')}) forks`);
  return fail(`no path of equal columns leads from it to ${missing.join(', ')}`);
}

interface Member {
  readonly occurrence: Occurrence;
  readonly from: Member | undefined;
  readonly hops: number;
}

const holder = (graph: Graph, { occurrence }: Member, target: Vertex): string | undefined => {
  const holders = occurrence.relation.columns.filter(({ name }) =>
    graph.reach(vertex(occurrence, name)).has(target),
  );
  // Replication doesn't tell the values of generated columns.
  return (holders.find(({ generated }) => !generated) ?? holders[0])?.name;
};

/** The chain that ends at `last`, which holds the key in `columns`. */
function assemble(
  graph: Graph,
  last: Member,
  columns: readonly string[],
  targets: readonly Vertex[],
): Omit<Path, 'families' | 'where'> {
  const chain: Member[] = [];
  for (let member: Member | undefined = last; member; member = member.from) chain.unshift(member);
  const leaves = chain.map(() => new Set<string>());
  const named = (place: number, column: string) => `${place === 0 ? 'o' : `t${place}`}.${quote(column)}`;
  const leave = (place: number, column: string) => {
    leaves[place]?.add(column);
    return named(place, column);
  };
  const equalities = chain.map((member, i) =>
    chain
      .slice(0, i)
      .flatMap((other, place) =>
        links(graph, other.occurrence, member.occurrence).map(([theirs, mine]) => ({ place, theirs, mine })),
      ),
  );
  const joins = equalities.slice(1).map((on, i) => {
    const text = on.map(({ place, theirs, mine }) => `${named(i + 1, mine)} = ${leave(place, theirs)}`);
    return `join ${chain[i + 1]?.occurrence.relation.quoted} t${i + 1} on ${text.join(' and ')}`;
  });
  const key = columns.map(column => leave(chain.length - 1, column));
  return {
    relation: (chain[0] as Member).occurrence.relation,
    key,
    nulls: columns.map((name, i) => {
      const column = last.occurrence.relation.columns.find(one => one.name === name);
      return !column?.notNull && graph.reachOfNull(vertex(last.occurrence, name)).has(targets[i] as Vertex);
    }),
    joins,
    columns: [...(leaves[0] ?? [])],
    through: chain.slice(1).map(({ occurrence }, i) => ({
      relation: occurrence.relation,
      enters: [...new Set(equalities[i + 1]?.map(({ mine }) => mine))],
      leaves: [...(leaves[i + 1] ?? [])],
    })),
  };
}

/** Pairs of columns, of `from` and of `to`, of which the one leads to the other; generated ones where no others do. */
function links(graph: Graph, from: Occurrence, to: Occurrence): [string, string][] {
  const linked = (generated: boolean) =>
    from.relation.columns
      .filter(column => column.generated === generated)
      .flatMap(({ name }) =>
        [...graph.reach(vertex(from, name))]
          .filter(reached => reached.startsWith(`${to.id}.`))
          .map((reached): [string, string] => [name, reached.slice(reached.indexOf('.') + 1)]),
      );
  const plain = linked(false);
  return plain.length > 0 ? plain : linked(true);
}

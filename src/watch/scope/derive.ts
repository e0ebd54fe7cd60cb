import type { Relation } from '../../catalog/relation.ts';
import { quote } from '../../db/pool.ts';
import { Graph, type Occurrence, type Vertex, vertex } from './graph.ts';
import type { Output } from './names.ts';

/**
 * How a changed row of one table occurrence leads to the keys that it can touch.
 *
 * Argument: let a combination of rows contribute to key k before or after a change. Some changed row of it is nearest to
 * k along its path; everything nearer is unchanged, so looking up in the current state, from the old and the new image
 * of that row, arrives at k. Non-path predicates are dropped: a superset of keys is harmless, they are asked again.
 */
export interface Path {
  readonly relation: Relation;
  /** Columns of the changed row that the path needs. */
  readonly columns: readonly string[];
  /** Each key column as an SQL expression over `o` (the changed row's columns) and `t1`, `t2` … */
  readonly key: readonly string[];
  /** Of each key column: a NULL in it is a key that can be met; elsewhere it only says that the row matters to none. */
  readonly nulls: readonly boolean[];
  /** Look-ups on the way; none: the row itself holds the key. */
  readonly joins: readonly string[];
  /** Tables that are looked into. */
  readonly through: readonly Relation[];
}

export type Derived = { readonly path: Path } | { readonly relation: Relation; readonly why: string };

const deepest = 4;

export function derive(graph: Graph, occurrence: Occurrence, keys: readonly Output[]): Derived {
  const targets = keys.map(({ at }) => at);
  const fail = (why: string) => ({ relation: occurrence.relation, why });
  for (const { name, at, nulls } of keys) {
    if (at === undefined) return fail(`the key ${name} is computed or depends on other rows`);
    if (nulls > 0) return fail(`the key ${name} is NULL where an outer join finds no row`);
  }
  let members: Member[] = [{ occurrence, alias: 'o', joins: [] }];
  for (;;) {
    const key = targets.map(target => holder(graph, members, target as Vertex));
    if (key.every(one => one !== undefined))
      return { path: assemble(graph, members, key, targets as Vertex[]) };
    const next = members.length <= deepest ? extend(graph, members) : undefined;
    if (!next) return fail(`no path of equal columns leads from it to ${missing(keys, key)}`);
    members = [...members, next];
  }
}

interface Member {
  readonly occurrence: Occurrence;
  readonly alias: string;
  readonly joins: readonly { mine: string; other: Member; theirs: string }[];
}
interface Held {
  readonly member: Member;
  readonly column: string;
}

function holder(graph: Graph, members: readonly Member[], target: Vertex): Held | undefined {
  for (const member of members) {
    for (const { name } of member.occurrence.relation.columns) {
      if (graph.reach(vertex(member.occurrence, name)).has(target)) return { member, column: name };
    }
  }
  return undefined;
}

/** The first table, breadth first, that an equality leads to from any member. */
function extend(graph: Graph, members: readonly Member[]): Member | undefined {
  const taken = new Set(members.map(member => member.occurrence.id));
  for (const member of members) {
    for (const { name } of member.occurrence.relation.columns) {
      for (const reached of graph.reach(vertex(member.occurrence, name))) {
        if (graph.isVirtual(reached)) continue;
        const { occurrence } = graph.parts(reached);
        if (taken.has(occurrence.id)) continue;
        return { occurrence, alias: `t${members.length}`, joins: joinsTo(graph, members, occurrence) };
      }
    }
  }
  return undefined;
}

function joinsTo(graph: Graph, members: readonly Member[], to: Occurrence): Member['joins'] {
  return members.flatMap(other =>
    other.occurrence.relation.columns.flatMap(({ name: theirs }) =>
      [...graph.reach(vertex(other.occurrence, theirs))]
        .filter(reached => reached.startsWith(`${to.id}.`))
        .map(reached => ({ mine: reached.slice(reached.indexOf('.') + 1), other, theirs })),
    ),
  );
}

/** Only the members that the key columns need, in order. */
function assemble(
  graph: Graph,
  members: readonly Member[],
  key: readonly (Held | undefined)[],
  targets: readonly Vertex[],
): Path {
  const needed = new Set<Member>();
  const need = (member: Member): void => {
    if (needed.has(member)) return;
    needed.add(member);
    for (const join of member.joins) need(join.other);
  };
  for (const held of key) if (held) need(held.member);
  const chain = members.filter(member => member.alias !== 'o' && needed.has(member));
  const columns = new Set<string>();
  const refer = (member: Member, column: string) => {
    if (member.alias === 'o') columns.add(column);
    return `${member.alias}.${quote(column)}`;
  };
  const joins = chain.map(member => {
    const on = member.joins.map(
      ({ mine, other, theirs }) => `${member.alias}.${quote(mine)} = ${refer(other, theirs)}`,
    );
    return `join ${member.occurrence.relation.quoted} ${member.alias} on ${on.join(' and ')}`;
  });
  return {
    relation: (members[0] as Member).occurrence.relation,
    key: key.map(held => refer((held as Held).member, (held as Held).column)),
    nulls: key.map((held, i) => {
      const { member, column } = held as Held;
      const of = member.occurrence.relation.columns.find(one => one.name === column);
      return !of?.notNull && graph.reachOfNull(vertex(member.occurrence, column)).has(targets[i] as Vertex);
    }),
    joins,
    columns: [...columns],
    through: chain.map(member => member.occurrence.relation),
  };
}

const missing = (keys: readonly Output[], held: readonly (Held | undefined)[]): string =>
  keys
    .filter((_, i) => held[i] === undefined)
    .map(({ name }) => name)
    .join(', ');

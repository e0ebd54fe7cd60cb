import { type Column, type Relation, columnOf } from '../../catalog/relation.ts';
import { conjuncts, equals, fields } from './ast.ts';
import { type Condition, fit, written } from './condition.ts';
import { sameEquality } from './graph.ts';
import type { Node, RangeVar, SelectStmt } from './parse.ts';

/** Names of one select: the governed row's, and those of the rows that are summed up. */
export interface Level {
  readonly governed: Named;
  readonly detail: Detail | undefined;
}

export interface Detail extends Named {
  /** Its columns that are equal to the key's. */
  readonly key: readonly string[];
  readonly where: readonly Condition[];
  /** Left-joined: a governed row without any still has one, all NULL. */
  readonly joined: boolean;
}

export interface Found {
  readonly of: Named;
  readonly column: Column;
}

export interface Named {
  readonly relation: Relation;
  readonly alias: string;
}

/** Reads FROM, where it is the governed table, with or without details that are linked to it by the whole key. */
export class Levels {
  readonly #table: Relation;
  readonly #key: readonly string[];
  readonly #find: (range: RangeVar) => Relation | undefined;

  constructor(table: Relation, key: readonly string[], find: (range: RangeVar) => Relation | undefined) {
    this.#table = table;
    this.#key = key;
    this.#find = find;
  }

  /** FROM: the governed table, or that and one table of details, grouped. */
  of({ fromClause, groupClause }: SelectStmt): Level | undefined {
    const [from] = fromClause ?? [];
    if (!from || fromClause?.length !== 1) return undefined;
    if (!('JoinExpr' in from)) {
      const governed = this.governed(from);
      return governed && !groupClause ? { governed, detail: undefined } : undefined;
    }
    const { jointype, larg, rarg, quals, usingClause, isNatural, alias } = from.JoinExpr;
    const governed = larg && this.governed(larg);
    if (jointype !== 'JOIN_LEFT' || !governed || !rarg || !quals || usingClause || isNatural || alias)
      return undefined;
    const detail = this.detail(rarg, [...conjuncts(quals)], governed);
    if (!detail) return undefined;
    const level = { governed, detail: { ...detail, joined: true } };
    const by = (groupClause ?? []).map(node => this.column(node, level));
    const whole = this.#key.every(name => by.some(one => one?.column.name === name));
    return whole && by.every(one => one?.of === governed) ? level : undefined;
  }

  governed(node: Node): Named | undefined {
    const found = this.#named(node);
    return found?.relation.oid === this.#table.oid ? found : undefined;
  }

  /** A table under its own name: a partition's rows are known as its root's, which are more. */
  #named(node: Node): Named | undefined {
    if (!('RangeVar' in node) || !node.RangeVar.inh || node.RangeVar.alias?.colnames?.length)
      return undefined;
    const relation = this.#find(node.RangeVar);
    const plain = relation && ['r', 'p'].includes(relation.kind) && relation.name === node.RangeVar.relname;
    return plain ? { relation, alias: node.RangeVar.alias?.aliasname ?? relation.name } : undefined;
  }

  /** Rows that are summed up for a governed one: linked by its whole key, and otherwise chosen by what they are. */
  detail(from: Node, on: readonly Node[], governed: Named): Detail | undefined {
    const named = this.#named(from);
    if (!named || named.relation.oid === governed.relation.oid || named.alias === governed.alias)
      return undefined;
    const level = { governed, detail: { ...named, key: [], where: [], joined: false } };
    const links = new Map<string, string>();
    const where: Condition[] = [];
    for (const conjunct of on) {
      const pairs = equals(conjunct).map(pair => pair.map(node => this.column(node, level)));
      const sides = pairs.map(([a, b]) => (a?.of === governed ? [b, a] : [a, b]));
      if (sides.length > 0 && sides.every(([mine, theirs]) => mine && theirs?.of === governed)) {
        for (const [mine, theirs] of sides as [Found, Found][]) {
          const linked = mine.of !== governed && sameEquality(mine.column.family, theirs.column.family);
          if (!linked || links.has(theirs.column.name)) return undefined;
          links.set(theirs.column.name, mine.column.name);
        }
        continue;
      }
      const condition = this.condition(conjunct, level);
      if (!condition) return undefined;
      where.push(condition);
    }
    const own = this.#key.map(name => links.get(name));
    if (links.size !== own.length || !own.every(name => name !== undefined)) return undefined;
    return { ...named, key: own, where, joined: false };
  }

  condition(node: Node, level: Level): Condition | undefined {
    const found = written(node);
    const column = found && this.#lookUp(found.path, level);
    if (!column || column.of === level.governed) return undefined;
    const test = fit(found.test, column.column);
    return test && { column: column.column.name, test };
  }

  column(node: Node, level: Level): Found | undefined {
    const path = fields(node);
    return path.length > 0 ? this.#lookUp(path, level) : undefined;
  }

  /** Names mean the details' columns first; where both could be meant, Postgres has refused the query. */
  #lookUp(path: readonly string[], { governed, detail }: Level): Found | undefined {
    const [name = '', alias, ...more] = path.toReversed();
    if (more.length > 0) return undefined;
    for (const of of [detail, governed]) {
      const column = of && (alias ?? of.alias) === of.alias ? columnOf(of.relation, name) : undefined;
      if (of && column) return { of, column };
    }
    return undefined;
  }
}

import type { Relation } from '../../catalog/relation.ts';
import { type Graph, type Vertex, vertex } from './graph.ts';
import { type Node, type RangeVar, type SelectStmt, parseSelect, rangeVars } from './parse.ts';

/**
 * Reads a query into the graph. What it can't follow it leaves opaque: the answer is then "not by key", never a wrong
 * key. The rules for each clause are those of ReadySet's ColumnSource (readyset-dataflow, processing.rs) and, for outer
 * joins, the direction given in graph.ts.
 */
export type Found = Vertex | undefined; // undefined: opaque

export interface Output {
  readonly name: string;
  readonly at: Found;
}

/** Columns that a FROM item offers under its alias. */
interface Item {
  readonly alias: string | undefined;
  readonly schema: string | undefined;
  readonly columns: Map<string, Found>;
  /** Merged by USING: unqualified names mean these. */
  readonly merged?: Map<string, Found>;
}

/** What a name can mean: the items of this level, then those of the levels outside. */
interface Scope {
  readonly items: Item[];
  readonly outer: Scope | undefined;
  readonly ctes: Map<string, Cte>;
}

interface Cte {
  readonly select: SelectStmt;
  readonly columns: string[];
  readonly scope: Scope;
  readonly recursive: boolean;
  readonly inText: boolean;
}

export class Reader {
  readonly #graph: Graph;
  readonly #find: (range: RangeVar) => Relation | undefined;
  /** Equalities of FULL JOINs: `coalesce` of the two is what either side means. */
  readonly #full: [Vertex, Vertex][] = [];
  readonly #aggregates: ReadonlySet<string>;
  readonly #visited = new Set<unknown>();

  constructor(graph: Graph, aggregates: ReadonlySet<string>, find: (range: RangeVar) => Relation | undefined) {
    this.#graph = graph;
    this.#aggregates = aggregates;
    this.#find = find;
  }

  /** The outputs of a whole query; `missed`: a table is mentioned where this reader doesn't look. */
  query(select: SelectStmt): { outputs: Output[]; missed: string | undefined } {
    const outputs = this.#select(select, undefined, new Map(), true);
    const missed = rangeVars(select).find(range => !this.#visited.has(range));
    return { outputs, missed: missed?.relname };
  }

  #select(select: SelectStmt, outer: Scope | undefined, ctes: Map<string, Cte>, inText: boolean): Output[] {
    const known = new Map(ctes);
    const base: Scope = { items: [], outer, ctes: known };
    for (const node of select.withClause?.ctes ?? []) {
      const cte = 'CommonTableExpr' in node ? node.CommonTableExpr : undefined;
      if (!cte?.ctename || !cte.ctequery || !('SelectStmt' in cte.ctequery)) continue;
      known.set(cte.ctename, {
        select: cte.ctequery.SelectStmt,
        columns: names(cte.aliascolnames),
        scope: { items: [], outer, ctes: new Map(known) },
        recursive: Boolean(select.withClause?.recursive),
        inText,
      });
    }
    if (select.op && select.op !== 'SETOP_NONE' && select.larg && select.rarg) {
      return this.#setOperation(select, select.larg, select.rarg, outer, known, inText);
    }
    for (const from of select.fromClause ?? []) this.#from(from, base, inText);
    for (const conjunct of conjuncts(select.whereClause)) this.#equality(conjunct, base, 'both');
    this.#subLinks([select.targetList, select.whereClause, select.havingClause, select.sortClause], base, inText);
    const outputs = (select.targetList ?? []).flatMap(target => this.#target(target, base));
    return this.#blur(select, outputs, base);
  }

  #setOperation(
    select: SelectStmt,
    left: SelectStmt,
    right: SelectStmt,
    outer: Scope | undefined,
    ctes: Map<string, Cte>,
    inText: boolean,
  ): Output[] {
    const a = this.#select(left, outer, ctes, inText);
    const b = this.#select(right, outer, ctes, inText);
    const limited = Boolean(select.limitCount || select.limitOffset);
    return a.map(({ name, at }, i) => {
      const other = b[i]?.at;
      if (limited || at === undefined || other === undefined) return { name, at: undefined };
      const merged = this.#graph.virtual(this.#graph.family(at));
      this.#graph.edge(at, merged);
      this.#graph.edge(other, merged);
      return { name, at: merged };
    });
  }

  /** Clauses after which an output depends on more than the rows that share its value. */
  #blur(select: SelectStmt, outputs: Output[], scope: Scope): Output[] {
    let keep: Set<Vertex> | undefined;
    const only = (list: readonly Node[] | undefined) => {
      const these = new Set((list ?? []).flatMap(node => this.#grouping(node, outputs, scope)));
      keep = keep ? new Set([...keep].filter(at => these.has(at))) : these;
    };
    if (select.limitCount || select.limitOffset) only([]);
    const group = select.groupClause;
    if (group?.some(node => 'GroupingSet' in node)) only([]);
    else if (group?.length) only(group);
    else if (select.havingClause || this.#aggregated(select.targetList)) only([]);
    for (const node of select.windowClause ?? []) {
      only('WindowDef' in node ? (node.WindowDef.partitionClause ?? []) : []);
    }
    for (const over of windows(select.targetList)) only(over.partitionClause ?? []);
    const distinct = (select.distinctClause ?? []).filter(node => Object.keys(node).length > 0);
    if (distinct.length) only(distinct);
    if (!keep) return outputs;
    const kept = keep;
    return outputs.map(({ name, at }) => ({ name, at: at !== undefined && kept.has(at) ? at : undefined }));
  }

  /** `group by 1`, `group by id` (an output's or a table's) and `group by t.id`. */
  #grouping(node: Node, outputs: Output[], scope: Scope): Vertex[] {
    if ('A_Const' in node) {
      const at = outputs[(node.A_Const.ival?.ival ?? 0) - 1]?.at;
      return at === undefined ? [] : [at];
    }
    const at = this.#column(node, scope) ?? this.#byOutput(node, outputs);
    return at === undefined ? [] : [at];
  }

  #byOutput(node: Node, outputs: Output[]): Found {
    if (!('ColumnRef' in node)) return undefined;
    const path = fields(node);
    return path.length === 1 ? outputs.find(output => output.name === path[0])?.at : undefined;
  }

  #target(node: Node, scope: Scope): Output[] {
    if (!('ResTarget' in node) || !node.ResTarget.val) return [];
    const { name, val } = node.ResTarget;
    if ('ColumnRef' in val) {
      const path = fields(val);
      const last = val.ColumnRef.fields?.at(-1);
      if (last && 'A_Star' in last) return this.#star(path, scope);
      return [{ name: name ?? path.at(-1) ?? '?', at: this.#column(val, scope) }];
    }
    if ('CoalesceExpr' in val) {
      return [{ name: name ?? 'coalesce', at: this.#coalesce(val.CoalesceExpr.args ?? [], scope) }];
    }
    return [{ name: name ?? '?', at: undefined }];
  }

  #coalesce(args: readonly Node[], scope: Scope): Found {
    const [a, b] = args.map(arg => this.#column(arg, scope));
    if (args.length !== 2 || a === undefined || b === undefined) return undefined;
    if (!this.#full.some(pair => pair.includes(a) && pair.includes(b))) return undefined;
    const merged = this.#graph.virtual(this.#graph.family(a));
    this.#graph.edge(a, merged);
    this.#graph.edge(b, merged);
    return merged;
  }

  #star(path: string[], scope: Scope): Output[] {
    const merged = new Set<string>();
    return scope.items
      .filter(item => path.length === 0 || item.alias === path.at(-1))
      .flatMap(item => {
        if (path.length === 0 && item.merged) {
          for (const name of item.merged.keys()) merged.add(name);
          return [...item.merged].map(([name, at]) => ({ name, at }));
        }
        return [...item.columns]
          .filter(([name]) => path.length > 0 || !merged.has(name))
          .map(([name, at]) => ({ name, at }));
      });
  }

  #column(node: Node, scope: Scope): Found {
    if (!('ColumnRef' in node)) return undefined;
    const path = fields(node);
    const name = path.at(-1);
    const table = path.at(-2);
    if (name === undefined || path.length > 3) return undefined;
    for (let level: Scope | undefined = scope; level; level = level.outer) {
      if (table === undefined) {
        const merged = level.items.find(item => item.merged?.has(name));
        if (merged) return merged.merged?.get(name);
      }
      const hit = level.items.filter(
        item => !item.merged && (table === undefined ? item.columns.has(name) : item.alias === table),
      );
      if (hit.length) return hit.length === 1 ? hit[0]?.columns.get(name) : undefined;
    }
    return undefined;
  }

  /** Adds what a FROM item offers to `scope`; the items that it added. */
  #from(node: Node, scope: Scope, inText: boolean): Item[] {
    const start = scope.items.length;
    if ('RangeVar' in node) scope.items.push(this.#range(node.RangeVar, scope, inText));
    else if ('RangeSubselect' in node) {
      const { subquery, alias, lateral } = node.RangeSubselect;
      const inner = subquery && 'SelectStmt' in subquery ? subquery.SelectStmt : undefined;
      const outer = lateral ? scope : scope.outer;
      const outputs = inner ? this.#select(inner, outer, scope.ctes, inText) : [];
      scope.items.push(item(alias?.aliasname, undefined, rename(outputs, names(alias?.colnames))));
    } else if ('JoinExpr' in node) this.#join(node, scope, inText);
    else scope.items.push(opaque(node));
    return scope.items.slice(start);
  }

  #range(range: RangeVar, scope: Scope, inText: boolean): Item {
    this.#visited.add(range);
    const alias = range.alias?.aliasname ?? range.relname;
    const columns = names(range.alias?.colnames);
    for (let level: Scope | undefined = scope; level && !range.schemaname; level = level.outer) {
      const cte = level.ctes.get(range.relname ?? '');
      if (!cte) continue;
      // The CTE's own text stands once and may be meant twice: never a place to write into.
      const outputs = cte.recursive ? [] : this.#select(cte.select, cte.scope, cte.scope.ctes, false);
      return item(alias, undefined, rename(rename(outputs, cte.columns), columns));
    }
    const relation = this.#find(range);
    if (!relation) return item(alias, range.schemaname, []);
    if (relation.viewdef !== null && relation.kind === 'v') {
      const outputs = this.#select(parseSelect(relation.viewdef), undefined, new Map(), false);
      return item(alias, range.schemaname, rename(outputs, columns));
    }
    const bare = range.alias ? undefined : range.relname;
    const occurrence = this.#graph.table(
      relation,
      inText && range.location !== undefined ? { from: range.location, bare } : undefined,
    );
    const outputs = relation.columns.map(({ name }) => ({ name, at: vertex(occurrence, name) }));
    return item(alias, range.schemaname, rename(outputs, columns));
  }

  #join(node: Node, scope: Scope, inText: boolean): void {
    if (!('JoinExpr' in node)) return;
    const { larg, rarg, jointype, quals, usingClause, isNatural, alias } = node.JoinExpr;
    const left = larg ? this.#from(larg, scope, inText) : [];
    const right = rarg ? this.#from(rarg, scope, inText) : [];
    const direction: Direction =
      jointype === 'JOIN_LEFT' ? 'right-to-left' : jointype === 'JOIN_RIGHT' ? 'left-to-right' : jointype === 'JOIN_FULL' ? 'none' : 'both';
    const sides = { left: vertices(left), right: vertices(right) };
    for (const conjunct of conjuncts(quals)) this.#equality(conjunct, scope, direction, sides);
    this.#subLinks([quals], scope, inText);
    const shared = isNatural
      ? [...namesOf(left)].filter(name => namesOf(right).has(name))
      : names(usingClause);
    if (shared.length) this.#using(shared, left, right, direction, scope);
    // `(a join b …) as j`: the inner names are hidden behind j, which is not followed.
    if (alias?.aliasname) scope.items.splice(scope.items.indexOf(left[0] as Item), left.length + right.length, item(alias.aliasname, undefined, []));
  }

  #using(shared: string[], left: Item[], right: Item[], direction: Direction, scope: Scope): void {
    const merged = new Map<string, Found>();
    for (const name of shared) {
      const a = pick(left, name);
      const b = pick(right, name);
      if (a === undefined || b === undefined) {
        merged.set(name, undefined);
        continue;
      }
      this.#link(a, b, direction);
      const value = this.#graph.virtual(this.#graph.family(a));
      if (direction !== 'left-to-right') this.#graph.edge(a, value);
      if (direction !== 'right-to-left') this.#graph.edge(b, value);
      // A merged column of an inner or one-sided join is the preserved side's own.
      const own = direction === 'none' ? value : direction === 'left-to-right' ? b : a;
      merged.set(name, own);
    }
    scope.items.push({ alias: undefined, schema: undefined, columns: new Map(), merged });
  }

  /** One conjunct: `x = y`, `(a, b) = (x, y)`, `x in (select y …)`. */
  #equality(node: Node, scope: Scope, direction: Direction, sides?: Sides): void {
    if ('SubLink' in node && node.SubLink.subLinkType === 'ANY_SUBLINK' && direction === 'both') {
      const { testexpr, subselect, operName } = node.SubLink;
      const plain = !operName?.length || names(operName).join() === '=';
      const inner = subselect && 'SelectStmt' in subselect ? subselect.SelectStmt : undefined;
      const test = testexpr ? this.#column(testexpr, scope) : undefined;
      if (!inner || !plain || test === undefined) return;
      this.#visited.add(inner);
      const [first] = this.#select(inner, scope, scope.ctes, true);
      if (first?.at !== undefined) this.#graph.edge(first.at, test);
      return;
    }
    if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || names(node.A_Expr.name).join() !== '=') return;
    const { lexpr, rexpr } = node.A_Expr;
    if (!lexpr || !rexpr) return;
    const pairs: [Node, Node][] =
      'RowExpr' in lexpr && 'RowExpr' in rexpr
        ? (lexpr.RowExpr.args ?? []).map((arg, i) => [arg, rexpr.RowExpr.args?.[i] ?? arg])
        : [[lexpr, rexpr]];
    for (const [l, r] of pairs) {
      const x = this.#column(l, scope);
      const y = this.#column(r, scope);
      if (x !== undefined && y !== undefined && x !== y) this.#bind(x, y, direction, scope, sides);
    }
  }

  #bind(x: Vertex, y: Vertex, direction: Direction, scope: Scope, sides: Sides | undefined): void {
    const here = vertices(scope.items);
    if (!here.has(x) || !here.has(y)) {
      // A correlation: the inner row matters only to the outer rows that hold its value, and not the other way round.
      const [inner, outer] = here.has(x) ? [x, y] : [y, x];
      const side = sides?.left.has(inner) ? 'left' : 'right';
      if (!here.has(inner)) return;
      if (direction === 'none' || (direction === 'right-to-left' && side === 'left')) return;
      if (direction === 'left-to-right' && side === 'right') return;
      this.#graph.edge(inner, outer);
      return;
    }
    if (!sides) return this.#link(x, y, 'both');
    if (sides.left.has(x) && sides.right.has(y)) this.#link(x, y, direction);
    else if (sides.left.has(y) && sides.right.has(x)) this.#link(y, x, direction);
    else if (direction === 'both') this.#link(x, y, 'both');
    else if (direction === 'right-to-left' && sides.right.has(x) && sides.right.has(y)) this.#link(x, y, 'both');
    else if (direction === 'left-to-right' && sides.left.has(x) && sides.left.has(y)) this.#link(x, y, 'both');
  }

  #link(left: Vertex, right: Vertex, direction: Direction): void {
    if (direction === 'both' || direction === 'left-to-right') this.#graph.edge(left, right);
    if (direction === 'both' || direction === 'right-to-left') this.#graph.edge(right, left);
    if (direction === 'none') this.#full.push([left, right]);
  }

  /** Sub-selects inside expressions: whatever they are used for, their rows matter only by their correlations. */
  #subLinks(parts: unknown[], scope: Scope, inText: boolean): void {
    const walk = (node: unknown): void => {
      if (Array.isArray(node)) return node.forEach(walk);
      if (node === null || typeof node !== 'object') return;
      const link = (node as { SubLink?: { subselect?: Node; testexpr?: Node } }).SubLink;
      if (link?.subselect && 'SelectStmt' in link.subselect) {
        if (!this.#visited.has(link.subselect.SelectStmt)) this.#select(link.subselect.SelectStmt, scope, scope.ctes, inText);
        walk(link.testexpr);
        return;
      }
      Object.values(node).forEach(walk);
    };
    walk(parts);
  }

  #aggregated(list: unknown): boolean {
    return calledIn(list).some(call => !call.over && this.#aggregates.has(call.name));
  }
}

/** Which side of a join an equality binds. */
type Direction = 'both' | 'left-to-right' | 'right-to-left' | 'none';
interface Sides {
  readonly left: Set<Vertex>;
  readonly right: Set<Vertex>;
}

function item(alias: string | undefined, schema: string | undefined, outputs: Output[]): Item {
  return { alias, schema, columns: new Map(outputs.map(({ name, at }) => [name, at])) };
}

function opaque(node: Node): Item {
  const inner = Object.values(node)[0] as { alias?: { aliasname?: string } } | undefined;
  return item(inner?.alias?.aliasname, undefined, []);
}

const rename = (outputs: Output[], to: string[]): Output[] =>
  outputs.map((output, i) => ({ name: to[i] ?? output.name, at: output.at }));

const names = (list: readonly Node[] | undefined): string[] =>
  (list ?? []).flatMap(node => ('String' in node ? [node.String.sval ?? ''] : []));

const namesOf = (items: Item[]): Set<string> => new Set(items.flatMap(one => [...one.columns.keys()]));

const fields = (node: Node): string[] => ('ColumnRef' in node ? names(node.ColumnRef.fields) : []);

function pick(items: Item[], name: string): Found {
  const merged = items.find(one => one.merged?.has(name));
  if (merged) return merged.merged?.get(name);
  const hits = items.filter(one => one.columns.has(name));
  return hits.length === 1 ? hits[0]?.columns.get(name) : undefined;
}

function vertices(items: Item[]): Set<Vertex> {
  return new Set(
    items.flatMap(one => [...one.columns.values(), ...(one.merged?.values() ?? [])]).filter(at => at !== undefined),
  );
}

function* conjuncts(node: Node | undefined): Generator<Node> {
  if (!node) return;
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR') {
    for (const arg of node.BoolExpr.args ?? []) yield* conjuncts(arg);
  } else yield node;
}

function windows(list: unknown): { partitionClause?: Node[] }[] {
  return calledIn(list).flatMap(call => (call.over && !call.over.name ? [call.over] : []));
}

function calledIn(list: unknown): { name: string; over?: { name?: string; partitionClause?: Node[] } }[] {
  const found: { name: string; over?: { name?: string; partitionClause?: Node[] } }[] = [];
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (node === null || typeof node !== 'object' || 'SubLink' in node) return;
    const call = (node as { FuncCall?: { funcname?: Node[]; over?: { name?: string }; agg_star?: boolean } }).FuncCall;
    if (call) {
      const name = call.agg_star ? 'count' : (names(call.funcname).at(-1) ?? '');
      found.push({ name, ...(call.over ? { over: call.over } : {}) });
    }
    Object.values(node).forEach(walk);
  };
  walk(list);
  return found;
}

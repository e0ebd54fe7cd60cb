import type { Relation } from '../../catalog/relation.ts';
import { calledIn, conjuncts, fields, figured, names, windows } from './ast.ts';
import { type Written, written } from './condition.ts';
import { type Graph, type Vertex, vertex } from './graph.ts';
import {
  type Column,
  type Cte,
  type Item,
  type Output,
  type Outputs,
  type Scope,
  item,
  lookUp,
  opaque,
  rename,
  star,
  unnamed,
  vertices,
  within,
} from './names.ts';
import { type Node, type RangeVar, type SelectStmt, parseSelect, rangeVars } from './parse.ts';
import { Joins, common, directions, solid } from './join.ts';

/**
 * Reads a query into the graph. What it can't follow it leaves opaque: the answer is then "not by key", never a wrong
 * key. The rules for each clause are those of ReadySet's ColumnSource (readyset-dataflow, processing.rs) and, for outer
 * joins, the direction given in graph.ts.
 */
export class Reader {
  readonly #graph: Graph;
  readonly #find: (range: RangeVar) => Relation | undefined;
  readonly #aggregates: ReadonlySet<string>;
  readonly #joins: Joins;
  /** Mentions of tables, views' bodies included; what isn't visited stands where this reader doesn't look. */
  readonly #mentioned: RangeVar[] = [];
  readonly #visited = new Set<unknown>();

  constructor(
    graph: Graph,
    aggregates: ReadonlySet<string>,
    find: (range: RangeVar) => Relation | undefined,
  ) {
    this.#graph = graph;
    this.#aggregates = aggregates;
    this.#find = find;
    this.#joins = new Joins(graph);
  }

  /** The outputs of a whole query; `missed`: tables that are mentioned where this reader doesn't look. */
  query(select: SelectStmt): { outputs: Outputs; missed: Relation[] } {
    this.#mentioned.push(...rangeVars(select));
    const outputs = this.#select(select, undefined, new Map(), true);
    const missed = this.#mentioned.filter(range => !this.#visited.has(range)).map(this.#find);
    return { outputs, missed: missed.filter(relation => relation !== undefined) };
  }

  #select(select: SelectStmt, outer: Scope | undefined, ctes: Map<string, Cte>, inText: boolean): Outputs {
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
      });
    }
    if (select.op && select.op !== 'SETOP_NONE' && select.larg && select.rarg) {
      return this.#setOperation(select, select.larg, select.rarg, base, inText);
    }
    if (select.valuesLists) {
      this.#subLinks([select.valuesLists], base, inText);
      const [first] = select.valuesLists;
      const width = first && 'List' in first ? (first.List.items ?? []).length : 0;
      return {
        list: Array.from({ length: width }, (_, i) => ({ name: `column${i + 1}`, ...opaque })),
        ragged: false,
      };
    }
    for (const from of select.fromClause ?? []) this.#from(from, base, inText);
    for (const conjunct of conjuncts(select.whereClause)) {
      this.#narrow(conjunct, base.items);
      if (!this.#among(conjunct, base, inText)) this.#joins.equal(conjunct, base, 'both');
    }
    const { targetList, whereClause, havingClause, sortClause } = select;
    this.#subLinks([targetList, whereClause, havingClause, sortClause], base, inText);
    return this.#blur(select, this.#targets(targetList ?? [], base, solid(whereClause, base)), base);
  }

  /** A row of either arm matters only to results that hold its value: in a column that is both's. */
  #setOperation(
    select: SelectStmt,
    left: SelectStmt,
    right: SelectStmt,
    scope: Scope,
    inText: boolean,
  ): Outputs {
    const a = this.#select(left, scope.outer, scope.ctes, inText);
    const b = this.#select(right, scope.outer, scope.ctes, inText);
    const uneven = Boolean(select.limitCount || select.limitOffset) || a.ragged || b.ragged;
    const list = a.list.map(({ name, at, nulls }, i) => {
      const other = b.list[i];
      if (uneven || at === undefined || other?.at === undefined) return { name, ...opaque };
      const merged = this.#graph.virtual(this.#graph.family(at));
      this.#graph.same(at, merged);
      this.#graph.same(other.at, merged);
      return { name, at: merged, nulls: Math.max(nulls, other.nulls) };
    });
    return { list, ragged: a.ragged || b.ragged };
  }

  /** Clauses after which an output depends on more than the rows that share its value. */
  #blur(select: SelectStmt, outputs: Outputs, scope: Scope): Outputs {
    let keep: Set<Vertex> | undefined;
    const only = (found: readonly (Column | undefined)[]) => {
      const these = new Set(found.flatMap(one => (one?.at === undefined ? [] : [one.at])));
      keep = keep ? new Set([...keep].filter(at => these.has(at))) : these;
    };
    const input = (node: Node) => ('ColumnRef' in node ? lookUp(fields(node), scope) : undefined);
    const output = (node: Node): Column | undefined => {
      if ('A_Const' in node)
        return outputs.ragged ? opaque : outputs.list[(node.A_Const.ival?.ival ?? 0) - 1];
      const [name, ...more] = fields(node);
      return more.length ? undefined : outputs.list.find(one => one.name === name);
    };
    if (select.limitCount || select.limitOffset) only([]);
    const group = select.groupClause;
    if (group?.some(node => 'GroupingSet' in node)) only([]);
    // GROUP BY means a table's column before a result's, DISTINCT ON the other way round; PARTITION BY only the former.
    else if (group?.length) only(group.map(node => input(node) ?? output(node)));
    else if (select.havingClause || this.#aggregated(select.targetList)) only([]);
    const definitions = (select.windowClause ?? []).flatMap(node =>
      'WindowDef' in node ? [node.WindowDef] : [],
    );
    for (const over of [...definitions, ...windows([select.targetList, select.sortClause])]) {
      only((over.partitionClause ?? []).map(input));
    }
    const distinct = (select.distinctClause ?? []).filter(node => Object.keys(node).length > 0);
    if (distinct.length) only(distinct.map(node => output(node) ?? input(node)));
    if (!keep) return outputs;
    const kept = keep;
    const list = outputs.list.map(one =>
      one.at !== undefined && kept.has(one.at) ? one : { name: one.name, ...opaque },
    );
    return { list, ragged: outputs.ragged };
  }

  #targets(list: readonly Node[], scope: Scope, solid: ReadonlySet<Vertex>): Outputs {
    let ragged = false;
    const outputs = list.flatMap((node): readonly Output[] => {
      if (!('ResTarget' in node) || !node.ResTarget.val) return [];
      const { name, val } = node.ResTarget;
      if ('ColumnRef' in val && val.ColumnRef.fields?.some(field => 'A_Star' in field)) {
        const all = star(fields(val), scope);
        ragged ||= all.ragged;
        return all.list;
      }
      return [{ name: name ?? figured(val) ?? unnamed, ...this.#value(val, scope) }];
    });
    const filled = outputs.map(one =>
      one.at !== undefined && solid.has(one.at) ? { ...one, nulls: 0 } : one,
    );
    return { list: filled, ragged };
  }

  /** A column of a level outside is a constant here: its rows are not rows of this select. */
  #value(node: Node, scope: Scope): Column {
    const column = (one: Node) => within(fields(one), scope.items) ?? opaque;
    if ('ColumnRef' in node) return column(node);
    if (!('CoalesceExpr' in node)) return opaque;
    const [a, b, ...more] = (node.CoalesceExpr.args ?? []).map(column);
    return a && b && more.length === 0 ? this.#joins.coalesce(a, b) : opaque;
  }

  /** Adds what a FROM item offers to `scope`; the items that it added. */
  #from(node: Node, scope: Scope, inText: boolean): Item[] {
    const start = scope.items.length;
    if ('RangeVar' in node) scope.items.push(this.#range(node.RangeVar, scope, inText));
    else if ('RangeSubselect' in node) {
      const { subquery, alias, lateral } = node.RangeSubselect;
      const inner = subquery && 'SelectStmt' in subquery ? subquery.SelectStmt : undefined;
      // LATERAL sees what stands to its left; else its names are those of the levels outside.
      const outer = lateral ? scope : scope.outer;
      const outputs = inner ? this.#select(inner, outer, scope.ctes, inText) : { list: [], ragged: true };
      scope.items.push(item(alias?.aliasname, rename(outputs, names(alias?.colnames))));
    } else if ('JoinExpr' in node) this.#join(node, scope, inText);
    else {
      // Functions and the like: what they give is not followed, what they are given is.
      this.#subLinks([node], scope, inText);
      const [range] = Object.values(node) as { alias?: { aliasname?: string } }[];
      const alias = range?.alias?.aliasname;
      scope.items.push(item(alias, { list: [], ragged: true }));
    }
    return scope.items.slice(start);
  }

  #range(range: RangeVar, scope: Scope, inText: boolean): Item {
    this.#visited.add(range);
    const alias = range.alias?.aliasname ?? range.relname;
    const columns = names(range.alias?.colnames);
    for (let level: Scope | undefined = scope; level && !range.schemaname; level = level.outer) {
      const cte = level.ctes.get(range.relname ?? '');
      if (!cte) continue;
      if (cte.recursive) return item(alias, { list: [], ragged: true });
      // The CTE's own text stands once and may be meant twice: never a place to write into.
      const outputs = this.#select(cte.select, cte.scope, cte.scope.ctes, false);
      return item(alias, rename(rename(outputs, cte.columns), columns));
    }
    const relation = this.#find(range);
    if (!relation) return item(alias, { list: [], ragged: true });
    const schema = range.alias ? undefined : relation.schema;
    if (relation.viewdef !== null && relation.kind === 'v') {
      const body = parseSelect(relation.viewdef);
      this.#mentioned.push(...rangeVars(body));
      return item(alias, rename(this.#select(body, undefined, new Map(), false), columns), schema);
    }
    const bare = range.alias ? undefined : range.relname;
    // The name may stand for a partition, and ONLY takes no sub-select.
    const itself =
      range.relname === relation.name && (range.schemaname ?? relation.schema) === relation.schema;
    const replaceable = inText && range.inh && itself && range.location !== undefined;
    const occurrence = this.#graph.table(
      relation,
      replaceable ? { from: range.location ?? 0, bare } : undefined,
    );
    const list = relation.columns.map(({ name }) => ({ name, at: vertex(occurrence, name), nulls: 0 }));
    return item(alias, rename({ list, ragged: false }, columns), schema);
  }

  #join(node: Node, scope: Scope, inText: boolean): void {
    if (!('JoinExpr' in node)) return;
    const { larg, rarg, jointype, quals, usingClause, isNatural, alias, join_using_alias } = node.JoinExpr;
    const start = scope.items.length;
    const left = larg ? this.#from(larg, scope, inText) : [];
    const right = rarg ? this.#from(rarg, scope, inText) : [];
    const direction = directions[jointype ?? 'JOIN_INNER'] ?? 'none';
    const sides = { left: vertices(left), right: vertices(right) };
    for (const conjunct of conjuncts(quals)) {
      // The side that an outer join keeps is kept whatever ON says.
      if (direction === 'both' || direction === 'left-to-right') this.#narrow(conjunct, left);
      if (direction === 'both' || direction === 'right-to-left') this.#narrow(conjunct, right);
      if (direction !== 'both' || !this.#among(conjunct, scope, inText))
        this.#joins.equal(conjunct, scope, direction, sides);
    }
    this.#subLinks([quals], scope, inText);
    const shared = isNatural ? common(left, right) : names(usingClause);
    const merged = shared && this.#joins.using(shared, left, right, direction);
    scope.items.splice(start, left.length + right.length, ...this.#joins.widen(left, right, direction));
    if (merged?.size)
      scope.items.push({ alias: undefined, schema: undefined, columns: merged, open: false, merged: true });
    // NATURAL over columns that aren't known may merge any name.
    if (shared === undefined) scope.items.push(item(undefined, { list: [], ragged: true }));
    if (join_using_alias?.aliasname)
      scope.items.push(item(join_using_alias.aliasname, { list: [], ragged: true }));
    // `(a join b …) as j`: the inner names are hidden behind j, which is not followed.
    if (alias?.aliasname)
      scope.items.splice(start, Infinity, item(alias.aliasname, { list: [], ragged: true }));
  }

  /** A conjunct that a row must pass by itself. Where an outer join fills with NULL, a row that is there can matter by that. */
  #narrow(node: Node, items: readonly Item[]): void {
    const found = written(node);
    const column = found && within(found.path, items);
    if (column?.at === undefined || (column.nulls > 0 && found?.test.is === 'null')) return;
    this.#graph.require(column.at, (found as Written).test);
  }

  /** `x in (select y …)`: a row of the sub-select matters only to rows that hold y in x. False: it is something else. */
  #among(node: Node, scope: Scope, inText: boolean): boolean {
    if (!('SubLink' in node) || node.SubLink.subLinkType !== 'ANY_SUBLINK') return false;
    const { testexpr, subselect, operName } = node.SubLink;
    const plain = !operName?.length || names(operName).join() === '=';
    const inner = subselect && 'SelectStmt' in subselect ? subselect.SelectStmt : undefined;
    if (!inner || !plain || !testexpr) return false;
    const tests = 'RowExpr' in testexpr ? (testexpr.RowExpr.args ?? []) : [testexpr];
    const found = tests.map(one => ('ColumnRef' in one ? lookUp(fields(one), scope)?.at : undefined));
    if (found.every(at => at === undefined)) return false;
    this.#visited.add(inner);
    const { list, ragged } = this.#select(inner, scope, scope.ctes, inText);
    for (const [i, test] of found.entries()) {
      const at = ragged ? undefined : list[i]?.at;
      if (at !== undefined && test !== undefined) this.#graph.edge(at, test);
    }
    return true;
  }

  /** Sub-selects inside expressions: whatever they are used for, their rows matter only by their correlations. */
  #subLinks(parts: unknown[], scope: Scope, inText: boolean): void {
    const walk = (node: unknown): void => {
      if (Array.isArray(node)) return node.forEach(walk);
      if (node === null || typeof node !== 'object') return;
      const link = (node as { SubLink?: { subselect?: Node; testexpr?: Node } }).SubLink;
      if (link?.subselect && 'SelectStmt' in link.subselect) {
        if (!this.#visited.has(link.subselect.SelectStmt))
          this.#select(link.subselect.SelectStmt, scope, scope.ctes, inText);
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

import type { Bound } from '../ask/bind.ts';
import { literal, nodesOf } from '../check/expression.ts';
import { fields, names } from '../watch/scope/ast.ts';
import {
  type Node,
  type RangeVar,
  type SelectStmt,
  commonTables,
  parseSelect,
  rangeVars,
} from '../watch/scope/parse.ts';
import { type ColumnId, type Table, columnId } from './tables.ts';

/**
 * What queries say of the values that matter: which columns are compared with which, and with what constants. It only steers what
 * a drill tries; whether rows are valid, or broken, Postgres says. So names are resolved generously: to every table of the query
 * that may be meant.
 */
export interface Terms {
  readonly used: Set<ColumnId>;
  readonly equal: [ColumnId, ColumnId][];
  readonly constants: Map<ColumnId, Set<string>>;
  readonly paths: Map<ColumnId, JsonPath[]>;
  /** Columns that are tested for NULL. */
  readonly tested: Set<ColumnId>;
  /** Spans of time that are added or taken away; ms. */
  readonly spans: Set<number>;
}

/** `column->'a'->0->>'b'`, and what it is compared with. */
export interface JsonPath {
  readonly steps: readonly (string | number)[];
  readonly constants: readonly string[];
  readonly like: readonly ColumnId[];
}

export function noTerms(): Terms {
  return {
    used: new Set(),
    equal: [],
    constants: new Map(),
    paths: new Map(),
    tested: new Set(),
    spans: new Set(),
  };
}

/** Adds what an invariant's query, the views behind it and the condition on what it governs say. */
export function readTerms(terms: Terms, bound: Bound, tables: readonly Table[]): void {
  const { invariant, table, scope, schemas } = bound;
  const condition = invariant.on.where ? ` where (${invariant.on.where}\n)` : '';
  const texts = [
    invariant.sql,
    `select from ${table.quoted}${condition}`,
    ...scope.reads.flatMap(({ viewdef }) => (viewdef === null ? [] : [viewdef])),
  ];
  for (const text of texts) new Reading(terms, parseSelect(text), tables, schemas).read();
  const governed = tables.find(({ relation }) => relation.oid === table.oid);
  if (!governed) return;
  for (const { name } of bound.key) terms.used.add(columnId(governed, name));
  const written = [
    governed,
    ...bound.appends.flatMap(one => tables.filter(({ relation }) => relation.oid === one.table.oid)),
  ];
  const select = parseSelect(invariant.sql);
  const reading = new Reading(terms, select, tables, schemas);
  for (const target of select.targetList ?? []) {
    if (!('ResTarget' in target) || !target.ResTarget.val) continue;
    const { val } = target.ResTarget;
    const name = target.ResTarget.name ?? fields(val).at(-1);
    for (const one of written) {
      if (name === undefined || !one.kinds.has(name)) continue;
      terms.used.add(columnId(one, name));
      // What a heal writes there has to be allowed there: a constant, as what other tables have.
      const constant = literal(val);
      if (constant !== undefined) add(terms.constants, columnId(one, name), constant);
      if (one !== governed || !bound.key.some(key => key.name === name)) continue;
      for (const id of reading.owners(val)) terms.equal.push([columnId(one, name), id]);
    }
  }
}

/** One query of which names are resolved. */
export class Reading {
  readonly #terms: Terms;
  readonly #root: SelectStmt;
  readonly #ranges = new Map<string, Table[]>();

  constructor(terms: Terms, root: SelectStmt, tables: readonly Table[], schemas: readonly string[]) {
    this.#terms = terms;
    this.#root = root;
    const own = new Set(commonTables(root).map(({ ctename }) => ctename));
    for (const range of rangeVars(root)) {
      if (!range.schemaname && own.has(range.relname)) continue;
      const table = tableOf(range, tables, schemas);
      if (!table) continue;
      const alias = range.alias?.aliasname ?? range.relname ?? '';
      this.#ranges.set(alias, [...(this.#ranges.get(alias) ?? []), table]);
    }
  }

  /** The columns that a name may mean; none: it is no column. */
  owners(node: Node): ColumnId[] {
    if ('TypeCast' in node && node.TypeCast.arg) return this.owners(node.TypeCast.arg);
    const parts = fields(node);
    const column = parts.at(-1);
    if (column === undefined) return [];
    const alias = parts.at(-2);
    const all = [...this.#ranges.values()].flat();
    // What is behind the alias of a sub-select may be any of them.
    const tables = alias === undefined ? all : (this.#ranges.get(alias) ?? all);
    return [...new Set(tables)]
      .filter(({ kinds }) => kinds.has(column))
      .map(table => columnId(table, column));
  }

  read(): void {
    for (const node of nodesOf(this.#root)) {
      for (const id of this.owners(node)) this.#terms.used.add(id);
      if ('A_Expr' in node) this.#expression(node.A_Expr);
      else if ('NullTest' in node && node.NullTest.arg)
        for (const id of this.owners(node.NullTest.arg)) this.#terms.tested.add(id);
      else if ('CaseExpr' in node && node.CaseExpr.arg) {
        const whens = (node.CaseExpr.args ?? []).flatMap(one =>
          'CaseWhen' in one ? (one.CaseWhen.expr ?? []) : [],
        );
        this.#compare(node.CaseExpr.arg, whens);
      } else if ('JoinExpr' in node) {
        for (const name of names(node.JoinExpr.usingClause))
          this.#equate(
            [...this.#ranges.values()]
              .flat()
              .filter(({ kinds }) => kinds.has(name))
              .map(table => columnId(table, name)),
          );
      } else if ('FuncCall' in node && /array_elements/.test(names(node.FuncCall.funcname).at(-1) ?? '')) {
        for (const inner of nodesOf(node.FuncCall.args))
          for (const id of this.owners(inner)) this.#path(id, { steps: [0, 0], constants: [], like: [] });
      } else if ('TypeCast' in node && names(node.TypeCast.typeName?.names).at(-1) === 'interval') {
        const ms = spanOf(literal(node.TypeCast.arg) ?? '');
        if (ms > 0) this.#terms.spans.add(ms);
      }
    }
  }

  #expression({ name, lexpr, rexpr }: { name?: Node[]; lexpr?: Node; rexpr?: Node }): void {
    if (!lexpr || !rexpr) return;
    const operator = names(name).join();
    if (operator === '->' || operator === '->>') {
      this.#json({ A_Expr: { name: name ?? [], lexpr, rexpr } }, [], []);
      return;
    }
    if ('RowExpr' in lexpr && 'RowExpr' in rexpr) {
      for (const [i, one] of (lexpr.RowExpr.args ?? []).entries())
        this.#compare(one, (rexpr.RowExpr.args ?? []).slice(i, i + 1));
      return;
    }
    const list = (node: Node): Node[] =>
      'List' in node
        ? (node.List.items ?? [])
        : 'A_ArrayExpr' in node
          ? (node.A_ArrayExpr.elements ?? [])
          : [node];
    this.#compare(lexpr, list(rexpr));
    if (list(rexpr).length === 1 && operator === '=') this.#compare(rexpr, [lexpr]);
  }

  #compare(left: Node, right: readonly Node[]): void {
    const ids = this.owners(left);
    const constants = right.flatMap(one => literal(one) ?? []);
    const like = right.flatMap(one => this.owners(one));
    for (const id of ids) {
      for (const constant of constants) add(this.#terms.constants, id, constant);
      for (const other of like) this.#terms.equal.push([id, other]);
    }
    if (ids.length > 0) return;
    // `lower(name) = 'x'`, `name || '' = 'x'`: worth a try.
    if ('FuncCall' in left || 'CoalesceExpr' in left)
      for (const inner of nodesOf(left))
        for (const id of this.owners(inner)) for (const one of constants) add(this.#terms.constants, id, one);
    this.#json(left, constants, like);
  }

  #json(node: Node, constants: readonly string[], like: readonly ColumnId[]): void {
    const steps: (string | number)[] = [];
    let at: Node | undefined = node;
    while (at && 'TypeCast' in at) at = at.TypeCast.arg;
    while (at && 'A_Expr' in at && /^->>?$/.test(names(at.A_Expr.name).join())) {
      const step = literal(at.A_Expr.rexpr);
      if (step === undefined) return;
      steps.unshift(
        at.A_Expr.rexpr && 'A_Const' in at.A_Expr.rexpr && at.A_Expr.rexpr.A_Const.ival ? Number(step) : step,
      );
      at = at.A_Expr.lexpr;
    }
    if (!at || steps.length === 0) return;
    for (const id of this.owners(at)) this.#path(id, { steps, constants, like });
  }

  #path(id: ColumnId, path: JsonPath): void {
    this.#terms.paths.set(id, [...(this.#terms.paths.get(id) ?? []), path]);
  }

  #equate(ids: readonly ColumnId[]): void {
    for (const id of ids.slice(1)) this.#terms.equal.push([ids[0] as ColumnId, id]);
  }
}

function tableOf(
  { schemaname, relname = '' }: RangeVar,
  tables: readonly Table[],
  schemas: readonly string[],
): Table | undefined {
  const order = schemaname ? [schemaname] : schemas;
  for (const schema of order) {
    const found = tables.find(({ relation }) => relation.schema === schema && relation.name === relname);
    if (found) return found;
  }
  return undefined;
}

function add<K>(map: Map<K, Set<string>>, key: K, value: string): void {
  const set = map.get(key);
  if (set) set.add(value);
  else map.set(key, new Set([value]));
}

/** `1 minute`, `2 days 3 hours`; ms. Roughly is enough. */
function spanOf(text: string): number {
  const units: Record<string, number> = {
    s: 1e3,
    m: 6e4,
    h: 36e5,
    d: 864e5,
    w: 6048e5,
    mo: 2592e6,
    y: 31536e6,
  };
  return [...text.matchAll(/(\d+(?:\.\d+)?)\s*(mo|[smhdwy])/gi)].reduce(
    (sum, [, n, unit = '']) => sum + Number(n) * (units[unit.toLowerCase()] ?? 0),
    0,
  );
}

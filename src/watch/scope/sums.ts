import { type Column, type Relation, columnOf } from '../../catalog/relation.ts';
import { conjuncts, fields, figured, names } from './ast.ts';
import type { Amount, Balance, Term } from './balance.ts';
import { type Level, Levels } from './levels.ts';
import type { Node, RangeVar, SelectStmt } from './parse.ts';
import { type Call, aggregate, digits, numeric, number } from './number.ts';

/** What the query is about. */
export interface Governs {
  readonly form: 'should' | 'broken';
  readonly table: Relation;
  readonly key: readonly string[];
  /** Compared: result columns of a `should`, besides the key. */
  readonly compared: readonly string[];
}

/** A sum of terms that aren't yet part of a difference; undefined: something else. */
type Sum = readonly Omit<Term, 'difference'>[];

/** @returns undefined: the query has another form */
export function readBalance(
  select: SelectStmt,
  governs: Governs,
  find: (range: RangeVar) => Relation | undefined,
): Balance | undefined {
  return new Sums(governs, find).read(select);
}

class Sums {
  readonly #governs: Governs;
  readonly #levels: Levels;

  constructor(governs: Governs, find: (range: RangeVar) => Relation | undefined) {
    this.#governs = governs;
    this.#levels = new Levels(governs.table, governs.key, find);
  }

  read(select: SelectStmt): Balance | undefined {
    const differences = this.#governs.form === 'should' ? this.#declared(select) : this.#compared(select);
    if (!differences || differences.length === 0) return undefined;
    const { table, key: own } = this.#governs;
    return {
      table,
      key: own,
      terms: differences.flatMap((sum, difference) => sum.map(term => ({ ...term, difference }))),
      differences: differences.length,
    };
  }

  /** `should`: each result column beside the governed row's own. */
  #declared(select: SelectStmt): Sum[] | undefined {
    const { table, compared } = this.#governs;
    const outputs = this.#outputs(select);
    const differences = compared.map(name => {
      const sum = outputs?.get(name);
      const own = numeric(columnOf(table, name));
      // Stored, it is rounded to the column's scale: then equal amounts needn't stay equal.
      if (!sum || !own || sum.some(term => scaleOf(term) > digits(own))) return undefined;
      return [this.#own(own), ...sum.map(negated)];
    });
    return complete(differences);
  }

  /** `broken`: the two sides of its one comparison. */
  #compared(select: SelectStmt): Sum[] | undefined {
    const { fromClause, whereClause } = select;
    const [from] = fromClause ?? [];
    if (!from || fromClause?.length !== 1 || !bare(select) || select.groupClause) return undefined;
    let sideOf: (node: Node) => Sum | undefined;
    if ('RangeSubselect' in from && !from.RangeSubselect.lateral) {
      const { subquery, alias } = from.RangeSubselect;
      if (!subquery || !('SelectStmt' in subquery) || alias?.colnames?.length) return undefined;
      const outputs = this.#outputs(subquery.SelectStmt);
      sideOf = node => {
        const [name, table, ...more] = fields(node).toReversed();
        const here = table === undefined || table === alias?.aliasname;
        return name !== undefined && here && more.length === 0 ? outputs?.get(name) : undefined;
      };
      if (!outputs || !this.#keyed(select, node => keyOutput(outputs, fields(node).at(-1)))) return undefined;
    } else {
      const governed = this.#levels.governed(from);
      if (!governed) return undefined;
      const level = { governed, detail: undefined };
      sideOf = node => this.#sum(node, level);
      if (!this.#keyed(select, node => this.#levels.column(node, level)?.column.name)) return undefined;
    }
    if (!whereClause || !('A_Expr' in whereClause)) return undefined;
    const { kind, name, lexpr, rexpr } = whereClause.A_Expr;
    const differ = kind === 'AEXPR_DISTINCT' || (kind === 'AEXPR_OP' && names(name).join() === '<>');
    const [left, right] = differ && lexpr && rexpr ? [sideOf(lexpr), sideOf(rexpr)] : [];
    return left && right && [[...left, ...right.map(negated)]];
  }

  /** The results of a select that has one row for each governed one; those that are its key are empty sums. */
  #outputs(select: SelectStmt): Map<string, Sum> | undefined {
    const level = bare(select) && !select.whereClause ? this.#levels.of(select) : undefined;
    if (!level) return undefined;
    const outputs = new Map<string, Sum>();
    for (const node of select.targetList ?? []) {
      if (!('ResTarget' in node) || !node.ResTarget.val) return undefined;
      const { name = figured(node.ResTarget.val), val } = node.ResTarget;
      if (name === undefined || outputs.has(name)) return undefined;
      const own = this.#levels.column(val, level);
      const isKey =
        own?.of === level.governed && own.column.name === name && this.#governs.key.includes(name);
      const sum = isKey ? key : this.#sum(val, level);
      if (sum) outputs.set(name, sum);
      else if (this.#governs.form === 'should') return undefined;
    }
    return this.#governs.key.every(name => outputs.get(name) === key) ? outputs : undefined;
  }

  /** What an expression adds up to, as far as it is a sum of terms. */
  #sum(node: Node, level: Level): Sum | undefined {
    if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_OP') {
      const operator = names(node.A_Expr.name).join();
      const left = node.A_Expr.lexpr && this.#sum(node.A_Expr.lexpr, level);
      const right = node.A_Expr.rexpr && this.#sum(node.A_Expr.rexpr, level);
      if (!left || !right || !['+', '-'].includes(operator)) return undefined;
      return [...left, ...(operator === '-' ? right.map(negated) : right)];
    }
    // A constant adds the same before and after.
    if ('A_Const' in node) return number(node) === undefined ? undefined : [];
    if ('CoalesceExpr' in node) {
      const [value, zero, ...more] = node.CoalesceExpr.args ?? [];
      if (!value || !zero || more.length > 0 || number(zero) !== '0') return undefined;
      return 'SubLink' in value ? this.#subSelect(value, level, 'sum') : this.#total(value, level);
    }
    if ('SubLink' in node) return this.#subSelect(node, level, 'any');
    if ('FuncCall' in node) return this.#count(node, level);
    const own = this.#levels.column(node, level);
    return own && own.of === level.governed && numeric(own.column) ? [this.#own(own.column)] : undefined;
  }

  /** `sum`: one that is NULL where there is nothing to sum up. */
  #subSelect(node: Node, { governed, detail }: Level, gives: 'sum' | 'any'): Sum | undefined {
    if (!('SubLink' in node) || node.SubLink.subLinkType !== 'EXPR_SUBLINK' || detail) return undefined;
    const { subselect } = node.SubLink;
    const select = subselect && 'SelectStmt' in subselect ? subselect.SelectStmt : undefined;
    const [from] = select?.fromClause ?? [];
    const [target] = select?.targetList ?? [];
    if (!select || !from || !target || select.fromClause?.length !== 1 || select.targetList?.length !== 1)
      return undefined;
    if (!bare(select) || select.groupClause || !('ResTarget' in target) || !target.ResTarget.val)
      return undefined;
    const inner = this.#levels.detail(from, [...conjuncts(select.whereClause)], governed);
    if (!inner) return undefined;
    const level = { governed, detail: inner };
    return gives === 'sum'
      ? this.#total(target.ResTarget.val, level)
      : this.#sum(target.ResTarget.val, level);
  }

  /** `sum(…)`, of which NULL means nothing. */
  #total(node: Node, level: Level): Sum | undefined {
    const call = aggregate(node, 'sum');
    const [argument, ...more] = call?.args ?? [];
    if (!call || !argument || more.length > 0) return undefined;
    return this.#term(level, call, this.#amount(argument, level));
  }

  /** `count(*)`, `count(column)`. */
  #count(node: Node, level: Level): Sum | undefined {
    const call = aggregate(node, 'count');
    const [argument, ...more] = call?.args ?? [];
    if (!call || more.length > 0) return undefined;
    if (!argument) {
      const alone = call.agg_star && (!level.detail?.joined || call.agg_filter);
      return alone ? this.#term(level, call, { is: 'number', text: '1' }) : undefined;
    }
    const found = this.#levels.column(argument, level);
    if (!found || found.of === level.governed) return undefined;
    return this.#term(level, call, { is: 'given', column: found.column.name });
  }

  #term(level: Level, { agg_filter: filter }: Call, amount: Amount | undefined): Sum | undefined {
    if (!level.detail || !amount) return undefined;
    const chosen = complete([...conjuncts(filter)].map(node => this.#levels.condition(node, level)));
    // It would hold for the row of NULLs, too.
    if (!chosen || (level.detail.joined && chosen.some(({ test }) => test.is === 'null'))) return undefined;
    const { relation, key: by, where } = level.detail;
    return [{ relation, key: by, where: [...where, ...chosen], amount, minus: false, own: false }];
  }

  #amount(node: Node, level: Level): Amount | undefined {
    const text = number(node);
    if (text !== undefined) return { is: 'number', text };
    if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_OP') {
      const { name, lexpr, rexpr } = node.A_Expr;
      const is = names(name).join();
      const left = lexpr && this.#amount(lexpr, level);
      const right = rexpr && this.#amount(rexpr, level);
      return left && right && (is === '+' || is === '-' || is === '*') ? { is, left, right } : undefined;
    }
    const found = this.#levels.column(node, level);
    return found && found.of !== level.governed && numeric(found.column)
      ? { is: 'column', column: found.column.name }
      : undefined;
  }

  /** A column of the governed row. */
  #own({ name }: Column): Sum[number] {
    const { table, key: by } = this.#governs;
    return {
      relation: table,
      key: by,
      where: [],
      amount: { is: 'column', column: name },
      minus: false,
      own: true,
    };
  }

  #keyed(select: SelectStmt, column: (node: Node) => string | undefined): boolean {
    return this.#governs.key.every(wanted =>
      select.targetList?.some(node => {
        if (!('ResTarget' in node) || !node.ResTarget.val) return false;
        const { name = figured(node.ResTarget.val), val } = node.ResTarget;
        return name === wanted && column(val) === wanted;
      }),
    );
  }
}

/** Stands for a column of the key: the same for all rows of it. */
const key: Sum = [];

const keyOutput = (outputs: ReadonlyMap<string, Sum>, name: string | undefined): string | undefined =>
  name !== undefined && outputs.get(name) === key ? name : undefined;

const negated = (term: Sum[number]): Sum[number] => ({ ...term, minus: !term.minus });

const complete = <T>(list: readonly (T | undefined)[]): T[] | undefined =>
  list.every(one => one !== undefined) ? (list as T[]) : undefined;

/** Nothing but SELECT, FROM, WHERE and GROUP BY. */
const bare = (select: SelectStmt): boolean =>
  (!select.op || select.op === 'SETOP_NONE') &&
  [
    select.distinctClause,
    select.havingClause,
    select.windowClause,
    select.limitCount,
    select.limitOffset,
  ].every(clause => clause === undefined) &&
  !select.withClause &&
  !select.valuesLists &&
  !select.groupDistinct;

function scaleOf({ relation, amount }: Sum[number]): number {
  const of = (one: Amount): number => {
    if (one.is === 'column') return digits(columnOf(relation, one.column) as Column);
    if (one.is === 'number') return one.text.split('.')[1]?.length ?? 0;
    if (!('left' in one)) return 0;
    const [left, right] = [of(one.left), of(one.right)];
    return one.is === '*' ? left + right : Math.max(left, right);
  };
  return of(amount);
}

import { fields, names } from '../watch/scope/ast.ts';
import type { Node } from '../watch/scope/parse.ts';
import { literal, nodesOf } from './expression.ts';
import type { Check, Column, Table } from './table.ts';

/**
 * Whether finitely many candidates speak for all values. They do where each column with endless values is only compared: whole
 * numbers with whole numbers, text for equality. Columns of finitely many values may stand in any expression that is immutable.
 */
export class Fragment {
  readonly #table: Table;
  /** Columns whose every value is a candidate. */
  readonly #finite: ReadonlySet<string>;
  /** Functions all of whose namesakes are immutable. */
  readonly #immutable: ReadonlySet<string>;

  constructor(table: Table, immutable: ReadonlySet<string>) {
    this.#table = table;
    this.#immutable = immutable;
    this.#finite = new Set(
      [...table.columns.values()]
        .filter(
          column =>
            ['boolean', 'enum'].includes(column.kind) || table.checks.some(check => lists(check, column)),
        )
        .map(({ name }) => name),
    );
  }

  isFinite(column: string): boolean {
    return this.#finite.has(column);
  }

  /** What stands in the way; undefined: nothing. */
  obstacle(node: Node | undefined): string | undefined {
    if (!node) return 'an empty condition';
    if ('BoolExpr' in node) return this.#first(node.BoolExpr.args ?? []);
    if ('NullTest' in node) {
      const { arg } = node.NullTest;
      return arg && 'ColumnRef' in arg ? this.#opaque(arg) : this.obstacle(arg);
    }
    if ('BooleanTest' in node) return this.obstacle(node.BooleanTest.arg);
    if ('A_Const' in node) return undefined;
    if ('ColumnRef' in node && this.#column(node)?.kind === 'boolean') return this.#opaque(node);
    const compared = comparison(node);
    if (compared && this.#compares(compared)) return undefined;
    return this.#general(node);
  }

  #first(list: readonly Node[]): string | undefined {
    for (const node of list) {
      const found = this.obstacle(node);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Every value compared is of one kind, in which its candidates tell every order, or every equality, apart. */
  #compares({ operator, operands }: Comparison): boolean {
    const kinds = operands.map(operand => this.#kind(operand));
    if (kinds.every(kind => kind === 'integer' || kind === 'number')) return true;
    return (
      ['=', '<>'].includes(operator) &&
      kinds.every(kind => kind === 'text' || kind === 'number' || kind === 'string') &&
      !kinds.every(kind => kind !== 'text')
    );
  }

  #kind(node: Node): 'integer' | 'text' | 'number' | 'string' | undefined {
    const constant = castOf(node, constantTypes) && literal(node);
    if (typeof constant === 'string') return /^-?\d{1,18}$/.test(constant) ? 'number' : 'string';
    const column = this.#column(node);
    if (column && column.opaque === undefined && (column.kind === 'integer' || column.kind === 'text')) {
      return castOf(node, column.kind === 'integer' ? ['int8', 'numeric'] : ['text', 'varchar'])
        ? column.kind
        : undefined;
    }
    return undefined;
  }

  #column(node: Node): Column | undefined {
    if ('TypeCast' in node && node.TypeCast.arg) return this.#column(node.TypeCast.arg);
    return this.#table.columns.get(fields(node).at(-1) ?? '');
  }

  #opaque(node: Node): string | undefined {
    const column = this.#column(node);
    if (!column) return `${fields(node).join('.')} is no column`;
    return column.opaque && `${column.name}: ${column.opaque}`;
  }

  /** Anything that always gives the same, over columns of finitely many values. */
  #general(root: Node): string | undefined {
    for (const node of nodesOf(root)) {
      const [kind = ''] = Object.keys(node);
      if ('ColumnRef' in node) {
        const found = this.#opaque(node);
        if (found !== undefined) return found;
        const name = fields(node).at(-1) ?? '';
        if (!this.#finite.has(name))
          return `${name} has endless values, and stands in more than a comparison that can be decided`;
      } else if ('FuncCall' in node) {
        const called = names(node.FuncCall.funcname).at(-1) ?? '';
        if (!this.#immutable.has(called)) return `${called}() may not always give the same`;
      } else if ('TypeCast' in node) {
        const type = names(node.TypeCast.typeName?.names).at(-1) ?? '';
        const own = [...this.#table.columns.values()].some(
          ({ kind, type: known }) => kind === 'enum' && known.split('.').at(-1) === type,
        );
        if (!own && !constantTypes.includes(type)) return `a cast to ${type} may not always give the same`;
      } else if ('A_Expr' in node) {
        const operator = names(node.A_Expr.name).join('.');
        if (!operators.has(operator)) return `the operator ${operator} is not known to always give the same`;
      } else if (!plain.has(kind)) return `${kind} is not followed`;
    }
    return undefined;
  }
}

const constantTypes = ['text', 'varchar', 'int2', 'int4', 'int8', 'numeric', 'bool'];
const operators = new Set([
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '||',
  '~',
  '~*',
  '!~',
  '!~*',
  '~~',
  '!~~',
  '~~*',
  '!~~*',
  'BETWEEN',
  'NOT BETWEEN',
]);
const plain = new Set([
  'A_Const',
  'BoolExpr',
  'NullTest',
  'BooleanTest',
  'CaseExpr',
  'CaseWhen',
  'CoalesceExpr',
  'A_ArrayExpr',
  'List',
  'String',
  'Integer',
  'TypeName',
]);

interface Comparison {
  readonly operator: string;
  readonly operands: readonly Node[];
}

/** `a = b`, `a in (b, c)`, `a = any (array[b, c])`, `a between b and c`, `a is distinct from b`. */
function comparison(node: Node): Comparison | undefined {
  if (!('A_Expr' in node)) return undefined;
  const { kind, name, lexpr, rexpr } = node.A_Expr;
  const written = names(name).join('.');
  if (!lexpr || !rexpr) return undefined;
  const operator =
    kind === 'AEXPR_DISTINCT' || kind === 'AEXPR_NOT_DISTINCT'
      ? '='
      : /BETWEEN/.test(written)
        ? '<'
        : written;
  if (!['=', '<>', '<', '<=', '>', '>='].includes(operator)) return undefined;
  return { operator, operands: [lexpr, ...elements(rexpr)] };
}

export function elements(node: Node): readonly Node[] {
  if ('List' in node) return node.List.items ?? [];
  if ('A_ArrayExpr' in node) return node.A_ArrayExpr.elements ?? [];
  if ('TypeCast' in node && node.TypeCast.typeName?.arrayBounds && node.TypeCast.arg)
    return elements(node.TypeCast.arg);
  return [node];
}

/** No cast at all, or only casts to these that change no value. */
function castOf(node: Node, types: readonly string[]): boolean {
  if (!('TypeCast' in node)) return true;
  const { typeName, arg } = node.TypeCast;
  const type = names(typeName?.names).at(-1) ?? '';
  return (
    types.includes(type) &&
    !typeName?.typmods?.length &&
    !typeName?.arrayBounds &&
    arg !== undefined &&
    castOf(arg, types)
  );
}

const isColumn = (node: Node | undefined): boolean =>
  node !== undefined && ('TypeCast' in node ? isColumn(node.TypeCast.arg) : 'ColumnRef' in node);

/** A check that lists every value of a column: then there are no others but NULL. */
function lists({ node, columns }: Check, { name, kind }: Column): boolean {
  if ((kind !== 'text' && kind !== 'integer') || columns.some(other => other !== name)) return false;
  const compared = comparison(node);
  if (compared?.operator !== '=' || !('A_Expr' in node)) return false;
  if (!['AEXPR_OP', 'AEXPR_OP_ANY', 'AEXPR_IN'].includes(String(node.A_Expr.kind))) return false;
  const [left, ...rest] = compared.operands;
  return (
    left !== undefined &&
    isColumn(left) &&
    castOf(left, ['text', 'varchar', 'int8', 'numeric']) &&
    rest.every(
      one => castOf(one, constantTypes) && (kind === 'text' ? /./s : /^-?\d{1,18}$/).test(literal(one) ?? ''),
    )
  );
}

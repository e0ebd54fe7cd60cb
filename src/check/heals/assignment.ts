import type { Node } from '../../watch/scope/parse.ts';
import { fields, names } from '../../watch/scope/ast.ts';
import { literal, same } from '../expression.ts';
import type { Fragment } from '../fragment.ts';
import type { Column, Table } from '../table.ts';

/**
 * Whether the candidates speak for all values still where this is written to a column: it is a constant, NULL, another
 * column of its kind, or chosen among such; or, where the column has finitely many values, anything that always gives the
 * same of columns with finitely many values. Undefined: they do; else what stands in the way.
 */
export function obstacleTo(
  expression: Node,
  column: Column,
  table: Table,
  fragment: Fragment,
): string | undefined {
  if (column.opaque !== undefined) return `${column.name}: ${column.opaque}`;
  if (followed(expression)) return undefined;
  if (fragment.isFinite(column.name)) return fragment.obstacle(expression);
  return `what is written to ${column.name} is computed, and its values have no end`;

  function followed(node: Node): boolean {
    if (isNull(node)) return true;
    if (literal(node) !== undefined) return isPlain(node);
    if ('ColumnRef' in node) {
      const from = table.columns.get(fields(node).at(-1) ?? '');
      return from !== undefined && from.opaque === undefined && fits(from, column);
    }
    if ('CoalesceExpr' in node) return (node.CoalesceExpr.args ?? []).every(followed);
    if ('CaseExpr' in node) {
      const { arg, args = [], defresult } = node.CaseExpr;
      if (arg || (defresult && !followed(defresult))) return false;
      return args.every(
        one =>
          'CaseWhen' in one &&
          one.CaseWhen.expr !== undefined &&
          fragment.obstacle(one.CaseWhen.expr) === undefined &&
          one.CaseWhen.result !== undefined &&
          followed(one.CaseWhen.result),
      );
    }
    return false;
  }

  /** As it is written it is what is stored: whole numbers, and text that no cast can change. */
  function isPlain(node: Node): boolean {
    const value = literal(node) ?? '';
    if (column.kind === 'integer')
      return /^-?(0|[1-9]\d{0,17})$/.test(value) && uncast(node, ['int2', 'int4', 'int8']);
    if (column.kind === 'text')
      return (
        (column.most === undefined || Array.from(value).length <= column.most) &&
        uncast(node, ['text', 'varchar'])
      );
    return column.kind === 'boolean' || column.kind === 'enum';
  }

  function uncast(node: Node, types: readonly string[]): boolean {
    if (!('TypeCast' in node)) return true;
    const { typeName, arg } = node.TypeCast;
    return (
      types.includes(names(typeName?.names).at(-1) ?? '') &&
      !typeName?.typmods?.length &&
      !typeName?.arrayBounds?.length &&
      arg !== undefined &&
      uncast(arg, types)
    );
  }
}

export function isNull(node: Node | undefined): boolean {
  if (!node) return false;
  if ('TypeCast' in node) return isNull(node.TypeCast.arg);
  return 'A_Const' in node && node.A_Const.isnull === true;
}

/** Gives a value whatever the row: a constant, the clock, or what is added to them. */
export function neverNull(node: Node | undefined): boolean {
  if (!node) return false;
  if ('A_Const' in node) return node.A_Const.isnull !== true;
  if ('SQLValueFunction' in node) return true;
  if ('TypeCast' in node) return neverNull(node.TypeCast.arg);
  if ('CoalesceExpr' in node) return (node.CoalesceExpr.args ?? []).some(neverNull);
  if ('A_Expr' in node) {
    const { kind, name, lexpr, rexpr } = node.A_Expr;
    const arithmetic = kind === 'AEXPR_OP' && ['+', '-'].includes(names(name).join());
    return arithmetic && neverNull(lexpr) && neverNull(rexpr);
  }
  if (!('FuncCall' in node) || node.FuncCall.args?.length) return false;
  const [called = '', ...more] = names(node.FuncCall.funcname).toReversed();
  return more.length === 0 && clocks.has(called);
}
const clocks = new Set(['now', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp']);

/** Every candidate of the one is a candidate of the other, once they are of one class. */
function fits(from: Column, to: Column): boolean {
  if (from.kind !== to.kind) return false;
  if (from.kind === 'text') return to.most === undefined || from.most === to.most;
  if (from.kind === 'integer') return widths.indexOf(from.type) <= widths.indexOf(to.type);
  if (from.kind === 'number') return same(from.digits, to.digits);
  return from.type === to.type && from.most === to.most;
}
const widths = ['smallint', 'integer', 'bigint'];

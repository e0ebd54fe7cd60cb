import type { Column } from '../../catalog/relation.ts';
import { names } from './ast.ts';
import type { Node } from './parse.ts';

/** Numbers that are summed up exactly, and what sums them up. */

export type Call = Extract<Node, { FuncCall: unknown }>['FuncCall'];

export function aggregate(node: Node, wanted: 'sum' | 'count'): Call | undefined {
  if (!('FuncCall' in node)) return undefined;
  const { funcname, over, agg_distinct, agg_order, agg_within_group, func_variadic } = node.FuncCall;
  const [name, schema = 'pg_catalog'] = names(funcname).toReversed();
  const odd = over || agg_distinct || agg_order || agg_within_group || func_variadic;
  return name === wanted && schema === 'pg_catalog' && !odd ? node.FuncCall : undefined;
}

/** A literal number as text. */
export function number(node: Node): string | undefined {
  if (!('A_Const' in node) || node.A_Const.isnull) return undefined;
  const { ival, fval } = node.A_Const;
  const text = ival ? String(ival.ival ?? 0) : fval?.fval;
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? text : undefined;
}

const integers = new Set([20, 21, 23]);
const decimal = 1700;

export const numeric = (column: Column | undefined): Column | undefined =>
  column && (integers.has(column.family) || column.family === decimal) ? column : undefined;

/** Digits behind the point that a column keeps. */
export function digits({ family, base }: Column): number {
  if (integers.has(family)) return 0;
  const [, kept] = /^numeric\(\d+,(-?\d+)\)$/.exec(base) ?? [];
  return kept === undefined ? Infinity : Number(kept);
}

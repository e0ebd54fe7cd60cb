import type { Node } from './parse.ts';

/** Small questions about pieces of a parsed query. */

export const names = (list: readonly Node[] | undefined): string[] =>
  (list ?? []).flatMap(node => ('String' in node ? [node.String.sval ?? ''] : []));

/** `a.b.c` as its parts; empty for anything but a column's name. A star has no part. */
export const fields = (node: Node): string[] => ('ColumnRef' in node ? names(node.ColumnRef.fields) : []);

export function* conjuncts(node: Node | undefined): Generator<Node> {
  if (!node) return;
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR') {
    for (const arg of node.BoolExpr.args ?? []) yield* conjuncts(arg);
  } else yield node;
}

/** The pairs that `x = y` and `(a, b) = (x, y)` set equal. */
export function equals(node: Node): [Node, Node][] {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || names(node.A_Expr.name).join() !== '=')
    return [];
  const { lexpr, rexpr } = node.A_Expr;
  if (!lexpr || !rexpr) return [];
  if (!('RowExpr' in lexpr) || !('RowExpr' in rexpr)) return [[lexpr, rexpr]];
  return (lexpr.RowExpr.args ?? []).map((arg, i) => [arg, rexpr.RowExpr.args?.[i] ?? arg]);
}

/**
 * The name that Postgres gives to a result column without one (FigureColname in parse_target.c); undefined where that
 * isn't certain: any name may then be meant.
 */
export function figured(node: Node): string | undefined {
  if ('ColumnRef' in node) return fields(node).at(-1);
  if ('FuncCall' in node) return names(node.FuncCall.funcname).at(-1);
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast;
    const inner = arg ? figured(arg) : undefined;
    return inner === '?column?' ? names(typeName?.names).at(-1) : inner;
  }
  if ('CollateClause' in node) return node.CollateClause.arg ? figured(node.CollateClause.arg) : undefined;
  if ('CoalesceExpr' in node) return 'coalesce';
  if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') return 'nullif';
  if ('A_Const' in node || 'A_Expr' in node || 'BoolExpr' in node || 'NullTest' in node) return '?column?';
  return undefined;
}

interface Call {
  readonly name: string;
  readonly over?: { readonly name?: string; readonly partitionClause?: Node[] };
}

/** Functions called at this level: those in sub-selects are theirs. */
export function calledIn(list: unknown): Call[] {
  const found: Call[] = [];
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (node === null || typeof node !== 'object' || 'SubLink' in node) return;
    const call = (node as { FuncCall?: { funcname?: Node[]; over?: { name?: string }; agg_star?: boolean } })
      .FuncCall;
    if (call) {
      const name = call.agg_star ? 'count' : (names(call.funcname).at(-1) ?? '');
      found.push({ name, ...(call.over ? { over: call.over } : {}) });
    }
    Object.values(node).forEach(walk);
  };
  walk(list);
  return found;
}

/** The definitions that stand behind OVER; those of the WINDOW clause stand there. */
export const windows = (list: unknown): { partitionClause?: Node[] }[] =>
  calledIn(list).flatMap(call => (call.over && !call.over.name ? [call.over] : []));

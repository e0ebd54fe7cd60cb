import { names } from '../watch/scope/ast.ts';
import type { Node } from '../watch/scope/parse.ts';
import type { Column } from './columns.ts';
import { columnRefs, literal } from './expression.ts';

/** Casts of constants that change nothing but the type, as long as they lose no digit. */
export const constantTypes = ['text', 'varchar', 'int2', 'int4', 'int8', 'numeric'];

export interface Comparison {
  readonly operator: string;
  readonly operands: readonly Node[];
}

/** `a = b`, `a in (b, c)`, `a = any (array[b, c])`, `a between b and c`, `a is distinct from b`. */
export function comparison(node: Node): Comparison | undefined {
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
  if (kind === 'AEXPR_OP_ANY' || kind === 'AEXPR_OP_ALL') {
    // Of an array that is written as one string, what it holds is not seen.
    const listed = arrayOf(rexpr);
    return listed && { operator, operands: [lexpr, ...listed] };
  }
  // `'{a}' = array[b]` compares two arrays, not what is in them.
  return { operator, operands: [lexpr, ...('List' in rexpr ? (rexpr.List.items ?? []) : [rexpr])] };
}

/** What stands in `array[…]`, each with the casts of the whole; undefined: it is no such array. */
function arrayOf(node: Node): readonly Node[] | undefined {
  if ('A_ArrayExpr' in node) return node.A_ArrayExpr.elements ?? [];
  if (!('TypeCast' in node) || !node.TypeCast.typeName?.arrayBounds || !node.TypeCast.arg) return undefined;
  const { arrayBounds: _, ...typeName } = node.TypeCast.typeName;
  return arrayOf(node.TypeCast.arg)?.map(arg => ({ TypeCast: { arg, typeName } }));
}

export function elements(node: Node): readonly Node[] {
  if ('List' in node) return node.List.items ?? [];
  if ('A_ArrayExpr' in node) return node.A_ArrayExpr.elements ?? [];
  if ('TypeCast' in node && node.TypeCast.typeName?.arrayBounds && node.TypeCast.arg)
    return elements(node.TypeCast.arg);
  return [node];
}

/** No cast at all, or only casts to these that change no value. */
export function castOf(node: Node, types: readonly string[]): boolean {
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

/** A constant that is, as text, what is written: `'007'` and `7::text` are, `'007'::int::text` and `1e3::text` aren't. */
export function asWritten(node: Node): boolean {
  if (!('TypeCast' in node)) return true;
  let inner: Node | undefined = node;
  while (inner && 'TypeCast' in inner) inner = inner.TypeCast.arg;
  const whole = inner && 'A_Const' in inner && (inner.A_Const.sval ?? inner.A_Const.ival) !== undefined;
  return whole === true && castOf(node, ['text', 'varchar']);
}

const isColumn = (node: Node | undefined): boolean =>
  node !== undefined && ('TypeCast' in node ? isColumn(node.TypeCast.arg) : 'ColumnRef' in node);

/** A check that lists every value of a column: then there are no others but NULL. */
export function lists(node: Node, id: string, kind: Column['kind']): boolean {
  // A check of a domain, or of what is referred to, isn't asked of NULL.
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'OR_EXPR') {
    const rest = (node.BoolExpr.args ?? []).filter(
      one =>
        !(
          'NullTest' in one &&
          one.NullTest.nulltesttype === 'IS_NULL' &&
          columnRefs(one)[0]?.join('.') === id
        ),
    );
    return rest.length === 1 && rest[0] !== undefined && lists(rest[0], id, kind);
  }
  if ((kind !== 'text' && kind !== 'integer') || columnRefs(node).some(path => path.join('.') !== id))
    return false;
  const compared = comparison(node);
  if (compared?.operator !== '=' || !('A_Expr' in node)) return false;
  if (!['AEXPR_OP', 'AEXPR_OP_ANY', 'AEXPR_IN'].includes(String(node.A_Expr.kind))) return false;
  const [left, ...rest] = compared.operands;
  return (
    left !== undefined &&
    isColumn(left) &&
    (kind === 'text'
      ? castOf(left, ['text', 'varchar']) && rest.every(one => asWritten(one) && literal(one))
      : castOf(left, ['text', 'varchar', 'int8', 'numeric']) &&
        rest.every(one => castOf(one, constantTypes) && /^-?\d{1,18}$/.test(literal(one) ?? '')))
  );
}

import type { Column } from '../../catalog/relation.ts';
import { quote } from '../../db/pool.ts';
import { fields, names } from './ast.ts';
import type { Node } from './parse.ts';

/**
 * What one column of a row has to be for the row to matter: conjuncts of WHERE and ON that look at nothing else. A row that
 * fails one joins nothing and counts for nothing, so its change can't either. Only what is decided alike here and in
 * Postgres, whatever the settings: NULL tests, and equality where equal values have equal text.
 */
export interface Condition {
  readonly column: string;
  readonly test: Test;
}

/** `one of` and `none of` hold for no NULL. */
export type Test =
  | { readonly is: 'null' | 'given' }
  | { readonly is: 'one of' | 'none of'; readonly values: readonly string[] };

/** @param value column text; undefined: not known, so it may hold */
export function mayHold(test: Test, value: string | null | undefined): boolean {
  if (value === undefined) return true;
  if (!('values' in test)) return (value === null) === (test.is === 'null');
  return value !== null && test.values.includes(value) === (test.is === 'one of');
}

/** In the words of SQL. */
export function spell({ column, test }: Condition): string {
  const name = quote(column);
  if (!('values' in test)) return `${name} is ${test.is === 'null' ? 'null' : 'not null'}`;
  const values = test.values.map(value => `'${value.replaceAll("'", "''")}'`);
  const [one, ...more] = values;
  if (more.length === 0) return `${name} ${test.is === 'one of' ? '=' : '<>'} ${one}`;
  return `${name} ${test.is === 'one of' ? '' : 'not '}in (${values.join(', ')})`;
}

/** A conjunct that tests one column; `path` is its name as written. */
export interface Written {
  readonly path: readonly string[];
  readonly test: Test;
}

export function written(node: Node): Written | undefined {
  if ('NullTest' in node) {
    const { arg, nulltesttype, argisrow } = node.NullTest;
    const path = !argisrow && arg && fields(arg);
    return path && path.length > 0
      ? { path, test: { is: nulltesttype === 'IS_NULL' ? 'null' : 'given' } }
      : undefined;
  }
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'NOT_EXPR') return truth(node.BoolExpr.args?.[0], 'f');
  if ('A_Expr' in node) return compared(node.A_Expr);
  return truth(node, 't');
}

/** A boolean column by itself. */
function truth(node: Node | undefined, value: 't' | 'f'): Written | undefined {
  const path = node ? fields(node) : [];
  return path.length > 0 ? { path, test: { is: 'one of', values: [value] } } : undefined;
}

type Comparison = Extract<Node, { A_Expr: unknown }>['A_Expr'];

function compared({ kind, name, lexpr, rexpr }: Comparison): Written | undefined {
  const operator = names(name).join('.');
  const is = operator === '=' ? 'one of' : operator === '<>' ? 'none of' : undefined;
  if (!is || !lexpr || !rexpr) return undefined;
  if (kind === 'AEXPR_IN' && 'List' in rexpr) {
    const values = (rexpr.List.items ?? []).map(constant);
    const path = subject(lexpr);
    return path && values.every(value => value !== undefined) ? { path, test: { is, values } } : undefined;
  }
  if (kind !== 'AEXPR_OP') return undefined;
  const [path, value] = subject(lexpr)
    ? [subject(lexpr), constant(rexpr)]
    : [subject(rexpr), constant(lexpr)];
  return path && value !== undefined ? { path, test: { is, values: [value] } } : undefined;
}

/** A column, or one read as text: views print `(c)::text = 'x'::text`. */
function subject(node: Node): readonly string[] | undefined {
  if ('TypeCast' in node)
    return node.TypeCast.arg && castTo(node) === 'text' ? subject(node.TypeCast.arg) : undefined;
  const path = fields(node);
  return path.length > 0 ? path : undefined;
}

/** A literal as it is written; its type is the column's. */
function constant(node: Node): string | undefined {
  if ('TypeCast' in node)
    return node.TypeCast.arg && castTo(node) === 'text' ? constant(node.TypeCast.arg) : undefined;
  if (!('A_Const' in node) || node.A_Const.isnull) return undefined;
  const { sval, ival, boolval } = node.A_Const;
  if (sval) return sval.sval ?? '';
  if (ival) return String(ival.ival ?? 0);
  return boolval ? (boolval.boolval ? 't' : 'f') : undefined;
}

function castTo(node: Extract<Node, { TypeCast: unknown }>): string | undefined {
  const { typeName } = node.TypeCast;
  return typeName?.typmods?.length || typeName?.arrayBounds?.length
    ? undefined
    : names(typeName?.names).at(-1);
}

/** The test as this column's text decides it; undefined: it doesn't. */
export function fit(test: Test, column: Column): Test | undefined {
  if (!('values' in test)) return test;
  const values = test.values.map(value => printed(value, column));
  return values.every(value => value !== undefined) ? { is: test.is, values } : undefined;
}

/** As output functions print it. */
function printed(value: string, { family, bytewise }: Column): string | undefined {
  if (!bytewise) return undefined;
  if (integers.has(family)) return /^-?\d+$/.test(value) ? String(BigInt(value)) : undefined;
  if (family !== boolean) return value;
  return ['t', 'f'].includes(value) ? value : { true: 't', false: 'f' }[value];
}
const integers = new Set([20, 21, 23]);
const boolean = 16;

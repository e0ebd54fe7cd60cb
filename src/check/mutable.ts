import type { Tx } from '../db/pool.ts';
import { fields, names } from '../watch/scope/ast.ts';
import type { Node } from '../watch/scope/parse.ts';
import { literal } from './expression.ts';
import { elements } from './comparison.ts';
import { type Level, type Query, inPlace, ownerOf, typesOf } from './level.ts';
import { type Piece, pieceOf } from './text.ts';

/** What an expression does with the values of those inside it: by itself it may not always give the same. */
export interface Mutable {
  readonly piece: Piece;
  /** The types of what is inside it, and its own. */
  readonly types: readonly number[];
}

/**
 * Whether an operation, taken by itself, always gives the same for the same: a cast, an operator or a call as Postgres understands it
 * where it stands. The planner takes `e is null and e is not null` for a contradiction only where nothing in e can change; unlike a
 * generated column of a temporary table, that can be asked READ ONLY, and on a standby. Undefined: it always gives the same.
 */
export async function mutable(
  tx: Tx,
  query: Query,
  level: Level,
  node: Node,
): Promise<Mutable | undefined | 'unknown'> {
  if (isPlain(level, node)) return undefined;
  const { invariant, words } = query;
  const piece = pieceOf(invariant.sql, words, node);
  const inside = operands(node).filter(one => literal(one) === undefined && !('A_Const' in one));
  const pieces = inside.map(one => pieceOf(invariant.sql, words, one));
  if (!piece || pieces.includes(undefined)) return 'unknown';
  const below = pieces as Piece[];
  let text = piece.text;
  for (const [i, { start, text: own }] of [...below.entries()].toReversed()) {
    const at = start - piece.start;
    text = `${text.slice(0, at)}evenkeel_q.c${i}${text.slice(at + own.length)}`;
  }
  const texts = below.map(({ text }) => text);
  // Never without a column: what has none isn't a condition on the rows.
  const whole = `case when evenkeel_q.c${texts.length} then (${text}\n) end`;
  const source = inPlace(query, level, [...texts, 'true']);
  await tx.query('savepoint mutable');
  try {
    await tx.query('set local constraint_exclusion = on');
    const { rows } = await tx.query<{ 'QUERY PLAN': [{ Plan: Record<string, unknown> }] }>(
      `explain (format json) select from (${source}) evenkeel_q where (${whole}) is null and (${whole}) is not null`,
    );
    await tx.query('release savepoint mutable');
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    if (plan?.['Node Type'] === 'Result' && plan['One-Time Filter'] === 'false') return undefined;
  } catch (error) {
    await tx.query('rollback to savepoint mutable');
    if ((error as { code?: string }).code === undefined) throw error;
    return 'unknown';
  }
  return { piece, types: (await typesOf(tx, query, level, [...texts, piece.text])) ?? [] };
}

/** An operator of Postgres's own between columns and constants of types for which each of them is immutable: it needn't be asked. */
function isPlain(level: Level, node: Node): boolean {
  if (!('A_Expr' in node) || names(node.A_Expr.name).length !== 1) return false;
  const kinds = ['boolean', 'enum', 'text', 'uuid', 'integer', 'number', 'float'];
  return operands(node).every(one => {
    if (literal(one) !== undefined || 'A_Const' in one) return !('TypeCast' in one);
    const owner = ownerOf(level, one);
    return kinds.includes(owner?.table.columns.get(fields(one).at(-1) ?? '')?.kind ?? '');
  });
}

function operands(node: Node): readonly Node[] {
  if ('FuncCall' in node) return node.FuncCall.args ?? [];
  if ('TypeCast' in node) return node.TypeCast.arg ? [node.TypeCast.arg] : [];
  if (!('A_Expr' in node)) return [];
  const { lexpr, rexpr } = node.A_Expr;
  return [...(lexpr ? [lexpr] : []), ...(rexpr ? elements(rexpr) : [])];
}

/** What may change from one question to the next by itself. */
export const isOperation = (node: Node): boolean =>
  'FuncCall' in node || 'TypeCast' in node || 'A_Expr' in node || 'SQLValueFunction' in node;

const clocks = ['now', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp', 'timeofday'];

/** It gives the time of asking. */
export function readsClock(node: Node): boolean {
  if ('SQLValueFunction' in node) return /DATE|TIME/.test(String(node.SQLValueFunction.op));
  if (!('FuncCall' in node)) return false;
  const name = names(node.FuncCall.funcname).at(-1) ?? '';
  return clocks.includes(name) || (name === 'age' && node.FuncCall.args?.length === 1);
}

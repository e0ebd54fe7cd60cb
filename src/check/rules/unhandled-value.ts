import { quote } from '../../db/pool.ts';
import { equals, fields, names } from '../../watch/scope/ast.ts';
import type { Node } from '../../watch/scope/parse.ts';
import { closedValues } from '../closed.ts';
import { type Finding, finding } from '../finding.ts';
import { type Item, type Level, type Query, ownerOf, shown } from '../level.ts';
import { possible } from '../prove.ts';
import { pieceOf } from '../text.ts';
import type { QueryRule } from './rule.ts';

/** A CASE without ELSE over a column whose values are known, which leaves some of them out: it gives NULL for them. */
export const unhandledValue: QueryRule = {
  id: 'EK104',
  name: 'unhandled-value',
  async find(tx, query) {
    const findings: Finding[] = [];
    for (const level of query.levels) {
      for (const node of cases(level.select)) {
        const chosen = branches(query, level, node);
        if (!chosen) continue;
        const { owner, column, arms } = chosen;
        const values = await closedValues(tx, owner.table, column);
        const missed: string[] = [];
        let row: Finding['witness'] = null;
        for (const value of values ?? []) {
          const is = value === null ? 'is null' : `= '${value.replaceAll("'", "''")}'`;
          const parts = [
            `${quote(owner.alias)}.${quote(column)} ${is}`,
            ...arms.map(arm => `(${arm}\n) is not true`),
          ];
          const verdict = await possible(tx, { table: owner.table, alias: owner.alias, parts });
          if (verdict.is !== 'witness') continue;
          missed.push(value === null ? 'NULL' : `'${value}'`);
          row ??= verdict.row;
        }
        if (missed.length === 0) continue;
        const message = `${column} may be ${list(missed)}, for which this CASE gives NULL`;
        const fix = `add \`when ${missed[0] === 'NULL' ? `${column} is null` : missed[0]} then …\`, or say \`else null\` where that is meant`;
        findings.push(finding(this, 'warning', shown(query, node), message, { witness: row, fix }));
      }
    }
    return findings;
  },
};

const list = (items: readonly string[]): string =>
  items.length > 1 ? `${items.slice(0, -1).join(', ')} or ${items.at(-1)}` : (items[0] ?? '');

/** Every CASE of a level that isn't given to an aggregate, where NULL stands for "doesn't count". */
function* cases(root: unknown): Generator<Node> {
  if (Array.isArray(root)) for (const item of root) yield* cases(item);
  else if (root !== null && typeof root === 'object') {
    for (const [name, value] of Object.entries(root)) {
      if (['SelectStmt', 'larg', 'rarg', 'FuncCall', 'CoalesceExpr'].includes(name)) continue;
      if (name === 'CaseExpr') yield { CaseExpr: value };
      yield* cases(value);
    }
  }
}

/** The column whose values its branches tell apart, by equality alone, and the branches as conditions. */
function branches(
  query: Query,
  level: Level,
  node: Node,
): { owner: Item; column: string; arms: string[] } | undefined {
  if (!('CaseExpr' in node) || node.CaseExpr.defresult) return undefined;
  const { arg, args = [] } = node.CaseExpr;
  const { invariant, words } = query;
  const text = (one: Node | undefined) => one && pieceOf(invariant.sql, words, one)?.text;
  const whens = args.flatMap(one => ('CaseWhen' in one && one.CaseWhen.expr ? [one.CaseWhen.expr] : []));
  const columns = arg ? [arg] : whens.map(compared);
  const [first] = columns;
  const owner = first && ownerOf(level, first);
  const column = first && fields(first).at(-1);
  if (!owner || column === undefined || whens.length < 2) return undefined;
  if (columns.some(one => !one || ownerOf(level, one) !== owner || fields(one).at(-1) !== column))
    return undefined;
  const arms = whens.map(one => (arg ? `(${text(arg)}) = (${text(one)})` : (text(one) ?? '')));
  return whens.some(one => text(one) === undefined) ? undefined : { owner, column, arms };
}

/** The column of `column = 'a'`, `column in ('a', 'b')`, `column is null`. */
function compared(node: Node): Node | undefined {
  if ('NullTest' in node) return node.NullTest.arg;
  if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_IN' && names(node.A_Expr.name).join() === '=')
    return node.A_Expr.lexpr;
  return equals(node)[0]?.[0];
}

import type { Tx } from '../../db/pool.ts';
import { conjuncts, fields, names } from '../../watch/scope/ast.ts';
import type { Node, SelectStmt } from '../../watch/scope/parse.ts';
import { type Finding, finding, undecided } from '../finding.ts';
import { type Level, type Query, nodesAt, ownerOf, shown } from '../level.ts';
import { possible } from '../prove.ts';
import { pieceOf } from '../text.ts';
import type { Verdict } from '../verdict.ts';
import type { QueryRule } from './rule.ts';

/** NOT IN over a sub-select that may give NULL: one NULL, and nothing is found any more. */
export const notInNullable: QueryRule = {
  id: 'EK202',
  name: 'not-in-nullable',
  async find(tx, query) {
    const findings: Finding[] = [];
    for (const level of query.levels) {
      for (const [node, select] of negated(level)) {
        const inner = query.levels.find(one => one.select === select);
        if (!inner) continue;
        const piece = shown(query, node);
        const verdict = await givesNull(tx, query, inner);
        if (verdict.is === 'undecided') findings.push(undecided(this, piece, verdict));
        if (verdict.is !== 'witness') continue;
        const message = 'the sub-select may give NULL: then this is true for no row at all';
        const fix = 'write `not exists (select from … where …)`, or add `is not null` to the sub-select';
        findings.push(finding(this, 'warning', piece, message, { witness: verdict.row, fix }));
      }
    }
    return findings;
  },
};

/** `x not in (select …)`, `not x in (select …)`, `x <> all (select …)`, with the sub-select. */
function negated({ select }: Level): [Node, SelectStmt][] {
  return [...nodesAt(select)].flatMap((node): [Node, SelectStmt][] => {
    const not = 'BoolExpr' in node && node.BoolExpr.boolop === 'NOT_EXPR' ? node.BoolExpr.args?.[0] : node;
    if (!not || !('SubLink' in not)) return [];
    const { subLinkType, operName, subselect } = not.SubLink;
    const operator = names(operName).join();
    const any = not !== node && subLinkType === 'ANY_SUBLINK' && ['', '='].includes(operator);
    const all = not === node && subLinkType === 'ALL_SUBLINK' && operator === '<>';
    return (any || all) && subselect && 'SelectStmt' in subselect ? [[node, subselect.SelectStmt]] : [];
  });
}

async function givesNull(tx: Tx, query: Query, inner: Level): Promise<Verdict> {
  const { select } = inner;
  const why = (why: string): Verdict => ({ is: 'undecided', why });
  if (select.larg) return why('the sub-select is a UNION or its like, whose arms were not told apart');
  for (const target of select.targetList ?? []) {
    const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
    if (!value) return why('the result of the sub-select could not be told apart');
    const verdict = await mayBeNull(tx, query, inner, value);
    if (verdict.is !== 'proved') return verdict;
  }
  return { is: 'proved', by: [] };
}

async function mayBeNull(tx: Tx, query: Query, inner: Level, value: Node): Promise<Verdict> {
  const { sql } = query.invariant;
  const owner = ownerOf(inner, [...nodesAt(value)].find(node => 'ColumnRef' in node) ?? value);
  if ('A_Const' in value && !value.A_Const.isnull) return { is: 'proved', by: [] };
  const call = 'FuncCall' in value ? (names(value.FuncCall.funcname).at(-1) ?? '') : undefined;
  if (call === 'count' || (call && /^(row_number|rank|dense_rank|now)$/.test(call)))
    return { is: 'proved', by: [] };
  const text = pieceOf(sql, query.words, value)?.text;
  if (!owner || text === undefined || !about(inner, value, owner.alias))
    return {
      is: 'undecided',
      why: 'the result of the sub-select is not made of the columns of one base table',
    };
  const parts: string[] = [];
  for (const node of conjuncts(inner.select.whereClause)) {
    const piece = about(inner, node, owner.alias) ? pieceOf(sql, query.words, node) : undefined;
    if (piece) parts.push(piece.text);
  }
  if (owner.nullable && 'ColumnRef' in value) {
    const strict = parts.length > 0 && (await possible(tx, asked(owner, [`(${text}) is null`, ...parts])));
    return strict && strict.is !== 'witness'
      ? strict
      : { is: 'witness', row: { [fields(value).join('.')]: null } };
  }
  return possible(tx, asked(owner, [`(${text}\n) is null`, ...parts]));
}

const asked = ({ table, alias }: Level['items'][number], parts: string[]) => ({ table, alias, parts });

/** It reads this table alone, and has no sub-select. */
const about = (level: Level, node: Node, alias: string): boolean =>
  [...nodesAt(node)].every(
    one =>
      !('SubLink' in one || 'A_Star' in one) &&
      (!('ColumnRef' in one) || ownerOf(level, one)?.alias === alias),
  );

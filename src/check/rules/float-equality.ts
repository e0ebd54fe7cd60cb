import { names } from '../../watch/scope/ast.ts';
import type { Node } from '../../watch/scope/parse.ts';
import { literal } from '../expression.ts';
import { type Finding, finding } from '../finding.ts';
import { elements } from '../comparison.ts';
import { nodesAt, shown, typesOf } from '../level.ts';
import { pieceOf } from '../text.ts';
import type { QueryRule } from './rule.ts';

const floats = [700, 701];

/** Floating-point numbers compared for equality: two ways to the same number may differ in its last digit. */
export const floatEquality: QueryRule = {
  id: 'EK304',
  name: 'float-equality',
  async find(tx, query) {
    const findings: Finding[] = [];
    const { invariant, words, levels } = query;
    const text = (node: Node) => pieceOf(invariant.sql, words, node)?.text;
    for (const level of levels) {
      for (const node of nodesAt(level.select)) {
        const compared = equality(node);
        if (!compared) continue;
        const [left, ...rest] = compared;
        // A whole number is what it is: it was mostly put there as such.
        if (
          rest.every(one => /^-?\d+$/.test(literal(one) ?? '')) ||
          (left && /^-?\d+$/.test(literal(left) ?? ''))
        )
          continue;
        const texts = compared.filter(one => literal(one) === undefined).map(text);
        const types = texts.includes(undefined)
          ? undefined
          : await typesOf(tx, query, level, texts as string[]);
        if (!types?.some(type => floats.includes(type))) continue;
        const message =
          types.includes(700) && rest.some(one => literal(one) !== undefined)
            ? 'a real is compared with a number of more digits: they are hardly ever equal'
            : 'floating-point numbers are compared for equality: two ways to the same number may differ in the last digit';
        findings.push(
          finding(this, 'warning', shown(query, node), message, {
            fix: 'compare within a tolerance, `abs(a - b) > 1e-9`, or as rounded numerics',
          }),
        );
      }
    }
    const [top] = levels;
    if (invariant.form !== 'should' || !top) return findings;
    for (const target of top.select.targetList ?? []) {
      const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
      // A column that is only copied is the same to the last digit; sums have a rule of their own.
      if (
        !value ||
        'ColumnRef' in value ||
        [...nodesAt(value)].some(
          one => 'FuncCall' in one && ['sum', 'avg'].includes(names(one.FuncCall.funcname).at(-1) ?? ''),
        )
      )
        continue;
      const own = text(value);
      const types = own === undefined ? undefined : await typesOf(tx, query, top, [own]);
      if (!types?.some(type => floats.includes(type))) continue;
      const message =
        'what should be is a computed floating-point number, and is compared to the last digit with what is stored';
      findings.push(
        finding(this, 'warning', shown(query, value), message, {
          fix: 'compute a numeric, rounded to the digits that matter',
        }),
      );
    }
    return findings;
  },
};

/** The two sides of `=`, `<>`, IN, IS DISTINCT FROM. */
function equality(node: Node): readonly Node[] | undefined {
  if (!('A_Expr' in node)) return undefined;
  const { kind, name, lexpr, rexpr } = node.A_Expr;
  if (!lexpr || !rexpr || !['=', '<>'].includes(names(name).join())) return undefined;
  const known = ['AEXPR_OP', 'AEXPR_IN', 'AEXPR_DISTINCT', 'AEXPR_NOT_DISTINCT'].includes(String(kind));
  return known ? [lexpr, ...elements(rexpr)] : undefined;
}

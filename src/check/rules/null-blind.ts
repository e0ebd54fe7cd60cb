import { type Finding, finding, undecided } from '../finding.ts';
import { parseCondition } from '../expression.ts';
import { names } from '../../watch/scope/ast.ts';
import { possible } from '../prove.ts';
import { asked } from '../site.ts';
import { leavesOf } from '../split.ts';
import { words } from '../text.ts';
import type { Rule } from './rule.ts';

/** A negated condition that is NULL, and so not met, where its author may expect it to be. */
export const nullBlind: Rule = {
  id: 'EK201',
  name: 'null-blind',
  async find(tx, site) {
    const findings: Finding[] = [];
    for (const conjunct of site.conjuncts) {
      const source = site.about(conjunct.text);
      if (!source) continue;
      const others = site.conjuncts.filter(one => one !== conjunct && site.about(one.text) === source);
      for (const piece of conjunct.arms.flatMap(leavesOf)) {
        if (!negates(piece.text)) continue;
        const unknown = [piece, conjunct].map(({ text }) => `(${text}\n) is null`);
        const verdict = await possible(tx, asked(source, ...unknown, ...others.map(({ text }) => text)));
        if (verdict.is === 'undecided') findings.push(undecided(this, piece, verdict));
        if (verdict.is !== 'witness') continue;
        const message =
          'it is NULL, neither true nor false, for a row that the schema allows: that row is passed over';
        const change = distinct(piece.text);
        const fix =
          'write `is distinct from` for `<>`, or add `is not null` to say that NULL is meant to be passed over';
        findings.push(finding(this, 'warning', piece, message, { witness: verdict.row, fix, change }));
      }
    }
    return findings;
  },
};

/** `<>`, NOT IN, NOT LIKE, NOT (…): what reads as "anything else". */
function negates(text: string): boolean {
  const node = parseCondition(text);
  if ('BoolExpr' in node) return node.BoolExpr.boolop === 'NOT_EXPR';
  if (!('A_Expr' in node) || node.A_Expr.kind === 'AEXPR_DISTINCT') return false;
  return ['<>', '!~~', '!~~*', '!~', '!~*'].includes(names(node.A_Expr.name).join());
}

/** `a <> b` as `a is distinct from b`; null: it is of another form. */
function distinct(text: string): string | null {
  const node = parseCondition(text);
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || names(node.A_Expr.name).join() !== '<>')
    return null;
  const [sign, ...more] = words(text).filter(({ word }) => word === '<>' || word === '!=');
  return !sign || more.length > 0
    ? null
    : `${text.slice(0, sign.start)}is distinct from${text.slice(sign.end)}`;
}

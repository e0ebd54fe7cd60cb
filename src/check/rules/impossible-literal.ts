import { quote } from '../../db/pool.ts';
import { guess } from '../../declare/guess.ts';
import { fields, names } from '../../watch/scope/ast.ts';
import { literal, nodesOf, parseCondition } from '../expression.ts';
import { type Finding, undecided } from '../finding.ts';
import { elements } from '../fragment.ts';
import { possible } from '../prove.ts';
import { asked } from '../site.ts';
import { leavesOf } from '../split.ts';
import type { Rule } from './rule.ts';

/** A value that its column can never hold, mostly a slip of the pen. */
export const impossibleLiteral: Rule = {
  id: 'EK103',
  name: 'impossible-literal',
  async find(tx, site) {
    const findings: Finding[] = [];
    for (const piece of site.conjuncts.flatMap(({ arms }) => arms.flatMap(leavesOf))) {
      const source = site.about(piece.text);
      const compared = comparedWith(piece.text);
      if (!source || !compared) continue;
      const column = source.table.columns.get(compared.column);
      if (column?.kind !== 'text' && column?.kind !== 'integer') continue;
      const equal = (value: string) =>
        asked(source, `${quote(compared.column)} = '${value.replaceAll("'", "''")}'`);
      for (const value of compared.values) {
        const verdict = await possible(tx, equal(value));
        if (verdict.is === 'undecided') findings.push(undecided(this, piece, verdict));
        if (verdict.is !== 'proved') continue;
        const allowed: string[] = [];
        for (const other of mentioned(
          source.table.checks.filter(({ columns }) => columns.includes(compared.column)),
        )) {
          if ((await possible(tx, equal(other))).is === 'witness') allowed.push(other);
        }
        const meant = guess(value, allowed);
        const { id: rule, name } = this;
        findings.push({
          rule,
          name,
          severity: 'error',
          piece,
          message: `${compared.column} can never be '${value}'`,
          by: verdict.by,
          witness: null,
          fix: meant === undefined ? null : `did you mean '${meant}'?`,
        });
      }
    }
    return findings;
  },
};

/** `column = 'a'`, `column <> 'a'`, `column in ('a', 'b')`. */
function comparedWith(text: string): { column: string; values: string[] } | undefined {
  const node = parseCondition(text);
  if (!('A_Expr' in node)) return undefined;
  const { kind, name, lexpr, rexpr } = node.A_Expr;
  if (!lexpr || !rexpr || !['AEXPR_OP', 'AEXPR_IN'].includes(String(kind))) return undefined;
  const column = fields(lexpr).at(-1);
  if (column === undefined || !['=', '<>'].includes(names(name).join())) return undefined;
  const values = elements(rexpr)
    .map(literal)
    .filter(one => one !== undefined);
  return { column, values };
}

const mentioned = (checks: readonly { node: unknown }[]): string[] => [
  ...new Set(
    checks.flatMap(({ node }) =>
      [...nodesOf(node)].flatMap(one => ('A_Const' in one ? (literal(one) ?? []) : [])),
    ),
  ),
];

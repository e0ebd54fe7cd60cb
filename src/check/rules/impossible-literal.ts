import { quote } from '../../db/pool.ts';
import { guess } from '../../declare/guess.ts';
import { fields, names } from '../../watch/scope/ast.ts';
import type { Node } from '../../watch/scope/parse.ts';
import { mentioned } from '../closed.ts';
import { literal } from '../expression.ts';
import { type Finding, finding, undecided } from '../finding.ts';
import { asWritten, castOf, elements } from '../comparison.ts';
import { nodesAt, ownerOf, shown } from '../level.ts';
import { possible } from '../prove.ts';
import type { QueryRule } from './rule.ts';

/** A value that its column can never hold, mostly a slip of the pen. */
export const impossibleLiteral: QueryRule = {
  id: 'EK103',
  name: 'impossible-literal',
  async find(tx, query) {
    const findings: Finding[] = [];
    for (const level of query.levels) {
      for (const { node, column: ref, values } of [...nodesAt(level.select)].flatMap(comparedWith)) {
        const owner = ownerOf(level, ref);
        const name = fields(ref).at(-1) ?? '';
        const column = owner?.table.columns.get(name);
        if (!owner || (column?.kind !== 'text' && column?.kind !== 'integer')) continue;
        const equal = (value: string) => ({
          table: owner.table,
          alias: owner.alias,
          parts: [`${quote(owner.alias)}.${quote(name)} = '${value.replaceAll("'", "''")}'`],
        });
        const piece = shown(query, node);
        for (const value of values) {
          const verdict = await possible(tx, equal(value));
          if (verdict.is === 'undecided') findings.push(undecided(this, piece, verdict));
          if (verdict.is !== 'proved') continue;
          const allowed: string[] = [];
          for (const other of await mentioned(tx, owner.table, name)) {
            if ((await possible(tx, equal(other))).is === 'witness') allowed.push(other);
          }
          const meant = guess(value, allowed);
          const message = `${name} can never be '${value}'`;
          const fix = meant === undefined ? null : `did you mean '${meant}'?`;
          const change = meant === undefined ? null : replaced(piece.text, value, meant);
          findings.push(finding(this, 'error', piece, message, { by: verdict.by, fix, change }));
        }
      }
    }
    return findings;
  },
};

/** Where the value stands in it once. */
function replaced(text: string, value: string, meant: string): string | null {
  const [before, after, ...more] = text.split(`'${value}'`);
  return after === undefined || more.length > 0 ? null : `${before}'${meant}'${after}`;
}

/** Its text is its value: of a text as it stands, or of a number. */
const isExact = (node: Node): boolean => asWritten(node) || castOf(node, ['int2', 'int4', 'int8', 'numeric']);

interface Compared {
  readonly node: Node;
  readonly column: Node;
  readonly values: readonly string[];
}

/** `column = 'a'`, `column <> 'a'`, `column in ('a', 'b')`, `case column when 'a'`. */
function comparedWith(node: Node): Compared[] {
  if ('CaseExpr' in node && node.CaseExpr.arg) {
    const { arg, args = [] } = node.CaseExpr;
    return args.flatMap(one => {
      const value = 'CaseWhen' in one ? one.CaseWhen.expr : undefined;
      const text = literal(value);
      return value && text !== undefined && isExact(value)
        ? [{ node: value, column: arg, values: [text] }]
        : [];
    });
  }
  if (!('A_Expr' in node)) return [];
  const { kind, name, lexpr, rexpr } = node.A_Expr;
  if (!lexpr || !rexpr || !['AEXPR_OP', 'AEXPR_IN'].includes(String(kind))) return [];
  if (!['=', '<>'].includes(names(name).join())) return [];
  const [column, other] = literal(lexpr) === undefined ? [lexpr, rexpr] : [rexpr, lexpr];
  const values = elements(other).filter(isExact).map(literal);
  return [{ node, column, values: values.filter(one => one !== undefined) }];
}

import { names } from '../../watch/scope/ast.ts';
import type { Node } from '../../watch/scope/parse.ts';
import { type Finding, finding } from '../finding.ts';
import { type Level, nodesAt, shown, typesOf } from '../level.ts';
import { pieceOf } from '../text.ts';
import { total } from '../total.ts';
import type { QueryRule } from './rule.ts';

const listing = [
  'array_agg',
  'string_agg',
  'json_agg',
  'jsonb_agg',
  'xmlagg',
  'json_object_agg',
  'jsonb_object_agg',
];
const floats = [700, 701];

/** An aggregate whose result depends on the order in which rows come, where no order is given. */
export const orderSensitive: QueryRule = {
  id: 'EK303',
  name: 'order-sensitive-aggregate',
  async find(tx, query) {
    const findings: Finding[] = [];
    for (const level of query.levels) {
      for (const node of nodesAt(level.select)) {
        if (!('FuncCall' in node)) continue;
        const { funcname, args = [], agg_order, agg_distinct, over } = node.FuncCall;
        const name = names(funcname).at(-1) ?? '';
        if (over) continue;
        if (listing.includes(name)) {
          const by = (agg_order ?? []).flatMap(one =>
            'SortBy' in one && one.SortBy.node ? [one.SortBy.node] : [],
          );
          // DISTINCT sorts what it is given.
          if (agg_distinct || fed(level) || (by.length > 0 && settled(level, by, args))) continue;
          const message =
            by.length === 0
              ? `${name}() puts rows one after the other as they come: without an ORDER BY the same rows may give another value`
              : `${name}() puts rows that are alike in its ORDER BY as they come: the same rows may give another value`;
          const fix =
            by.length === 0 ? diff(pieceOf(query.invariant.sql, query.words, node)?.text, args, query) : null;
          findings.push(finding(this, 'warning', shown(query, node), message, { fix, change: fix }));
        } else if (['sum', 'avg', 'stddev', 'variance'].includes(name) && args.length === 1 && !agg_order) {
          const text = pieceOf(query.invariant.sql, query.words, args[0] as Node)?.text;
          const types = text === undefined ? undefined : await typesOf(tx, query, level, [text]);
          if (!types?.some(type => floats.includes(type))) continue;
          const message = `${name}() of floating-point numbers depends on the order in which they are added: the same rows may give another value`;
          findings.push(
            finding(this, 'warning', shown(query, node), message, {
              fix: 'add them as numeric: `::numeric`',
            }),
          );
        }
      }
    }
    return findings;
  },
};

function diff(
  text: string | undefined,
  args: readonly Node[],
  { invariant: { sql }, words }: Parameters<QueryRule['find']>[1],
): string | null {
  const value = args[0] && pieceOf(sql, words, args[0])?.text;
  return text?.endsWith(')') && value !== undefined ? `${text.slice(0, -1)} order by ${value})` : null;
}

/** Rows that the order doesn't tell apart give the same: what is listed is in it. */
const settled = (level: Level, by: readonly Node[], args: readonly Node[]): boolean =>
  // An undecided order of rows that aren't a table's is believed.
  total(
    {
      ...level,
      select: { ...level.select, targetList: [], groupClause: [], distinctClause: [] },
    },
    [...by, ...(level.select.groupClause ?? [])],
    args,
  ) !== false;

/** From one sub-select that is ordered, as was done before aggregates knew ORDER BY. */
function fed({ select }: Level): boolean {
  const [only, ...more] = select.fromClause ?? [];
  const inner =
    more.length === 0 && only && 'RangeSubselect' in only ? only.RangeSubselect.subquery : undefined;
  return !!inner && 'SelectStmt' in inner && !!inner.SelectStmt.sortClause?.length;
}

import { fields } from '../../watch/scope/ast.ts';
import type { Node } from '../../watch/scope/parse.ts';
import { type Finding, finding, undecided } from '../finding.ts';
import { type Level, type Query, shown } from '../level.ts';
import { total } from '../total.ts';
import type { QueryRule } from './rule.ts';

/** Rows are chosen by an order that leaves open which: another time they may be others. */
export const arbitraryRows: QueryRule = {
  id: 'EK302',
  name: 'arbitrary-rows',
  find: (_, query) => Promise.resolve(query.levels.flatMap(level => ofLevel(query, level))),
};

function ofLevel(query: Query, level: Level): Finding[] {
  const { select } = level;
  const distinctOn = (select.distinctClause ?? []).filter(node => Object.keys(node).length > 0);
  const limited = select.limitOffset ?? select.limitCount;
  const nothing =
    level.as === 'EXISTS_SUBLINK' ||
    // LIMIT ALL, LIMIT NULL
    (!select.limitOffset && limited && 'A_Const' in limited && limited.A_Const.isnull) ||
    (!select.limitOffset && String(select.limitOption) === 'LIMIT_OPTION_WITH_TIES');
  if (distinctOn.length === 0 && (!limited || nothing)) return [];
  const by = (select.sortClause ?? []).flatMap(node => sorted(level, node));
  const piece = shown(query, limited ?? (distinctOn[0] as Node));
  const what =
    distinctOn.length > 0 && !limited
      ? 'DISTINCT ON takes the first row of each group'
      : 'only some rows are taken';
  if (select.larg)
    return [
      undecided(arbitraryRows, piece, {
        is: 'undecided',
        why: 'whether the rows of a UNION or its like are told apart by this order was not asked',
      }),
    ];
  const values = (select.targetList ?? []).flatMap(node =>
    'ResTarget' in node && node.ResTarget.val ? [node.ResTarget.val] : [],
  );
  const told = total(level, [...by, ...distinctOn], values);
  if (told === true) return [];
  if (told === undefined && by.length > 0)
    return [
      undecided(arbitraryRows, piece, {
        is: 'undecided',
        why: `${what}; whether this order tells all rows apart can't be said: there is no base table with a key behind it`,
      }),
    ];
  const message =
    by.length === 0
      ? `${what}, and no ORDER BY says which`
      : `${what}, and the ORDER BY leaves open which: rows may be alike in it`;
  return [finding(arbitraryRows, 'warning', piece, message, { fix: hint(level) })];
}

/** What an ORDER BY item stands for: a position and a name of the result mean what is selected there. */
function sorted({ select }: Level, item: Node): Node[] {
  const node = 'SortBy' in item ? item.SortBy.node : undefined;
  if (!node) return [];
  const targets = (select.targetList ?? []).flatMap(one => ('ResTarget' in one ? [one.ResTarget] : []));
  const at = 'A_Const' in node ? node.A_Const.ival?.ival : undefined;
  const [name, ...more] = fields(node);
  const meant =
    at !== undefined
      ? targets[at - 1]
      : more.length === 0
        ? targets.find(one => one.name !== undefined && one.name === name)
        : undefined;
  return meant?.val ? [node, meant.val] : [node];
}

function hint({ items }: Level): string | null {
  const [only] = items;
  const key = only?.table.keys.find(({ total }) => total);
  return items.length === 1 && key ? `add ${key.columns.join(', ')} to the ORDER BY` : null;
}

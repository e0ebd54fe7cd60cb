import { conjuncts, equals, fields, names } from '../../watch/scope/ast.ts';
import type { Node } from '../../watch/scope/parse.ts';
import { literal } from '../expression.ts';
import { type Finding, finding } from '../finding.ts';
import { type Item, type Level, type Query, nodesAt, ownerOf, shown } from '../level.ts';
import type { Reference } from '../table.ts';
import type { QueryRule } from './rule.ts';

/** A constraint of the database forbids what is looked for. */
export const schemaGuarantees: QueryRule = {
  id: 'EK105',
  name: 'schema-already-guarantees',
  find: (_, query) =>
    Promise.resolve(
      query.levels.flatMap(level => [
        ...nulls(query, level),
        ...orphans(query, level),
        ...duplicates(query, level),
      ]),
    ),
};

const found = (query: Query, node: Node, what: string, by: string): Finding =>
  finding(
    schemaGuarantees,
    'info',
    shown(query, node),
    `the schema allows no ${what}: nothing can be found here`,
    {
      by: [by],
      fix: 'keep it as a canary, should the constraint be dropped one day, or leave it out',
    },
  );

const item = (level: Level, node: Node): Item | undefined => {
  const owner = ownerOf(level, node);
  return owner && !owner.nullable ? owner : undefined;
};

/** The column that `… is null`, or `… is not null`, asks about. */
const tested = (node: Node, type: 'IS_NULL' | 'IS_NOT_NULL'): Node | undefined =>
  'NullTest' in node &&
  node.NullTest.nulltesttype === type &&
  node.NullTest.arg &&
  'ColumnRef' in node.NullTest.arg
    ? node.NullTest.arg
    : undefined;

function nulls(query: Query, level: Level): Finding[] {
  return [...conjuncts(level.select.whereClause)].flatMap(node => {
    const column = tested(node, 'IS_NULL');
    const owner = column && item(level, column);
    const name = column ? (fields(column).at(-1) ?? '') : '';
    return owner?.table.columns.get(name)?.nullable === false
      ? [found(query, node, `NULL in ${name}`, `${name} NOT NULL`)]
      : [];
  });
}

/** No column of the list can be NULL where the conditions of the level hold. */
function given(level: Level, { table, alias }: Item, columns: readonly string[]): boolean {
  const asked = [...conjuncts(level.select.whereClause)].flatMap(node => tested(node, 'IS_NOT_NULL') ?? []);
  return columns.every(
    name =>
      table.columns.get(name)?.nullable === false ||
      asked.some(node => fields(node).at(-1) === name && ownerOf(level, node)?.alias === alias),
  );
}

/** The foreign key whose columns these equalities, and nothing else, set equal to those that it points to. */
function reference(
  child: Item,
  parent: Item,
  conditions: readonly Node[],
  inner: Level,
  outer: Level,
): Reference | undefined {
  const pairs: string[] = [];
  for (const node of conditions) {
    const [pair, ...more] = equals(node);
    if (!pair || more.length > 0) return undefined;
    const [a, b] = ownerOf(inner, pair[0]) === parent ? pair : [pair[1], pair[0]];
    if (ownerOf(inner, a) !== parent || ownerOf(outer, b) !== child) return undefined;
    pairs.push(`${fields(b).at(-1)} = ${fields(a).at(-1)}`);
  }
  return child.table.references.find(
    one =>
      one.parent === parent.table.quoted &&
      new Set(pairs).size === one.columns.length &&
      one.columns.every((name, i) => pairs.includes(`${name} = ${one.parentColumns[i]}`)),
  );
}

function orphans(query: Query, level: Level): Finding[] {
  const findings: Finding[] = [];
  const tell = (node: Node, { name, definition }: Reference) =>
    findings.push(found(query, node, 'row without the one that it refers to', `${name} ${definition}`));
  for (const node of conjuncts(level.select.whereClause)) {
    const column = tested(node, 'IS_NULL');
    const parent = column && ownerOf(level, column);
    if (
      column &&
      parent?.nullable &&
      parent.table.columns.get(fields(column).at(-1) ?? '')?.nullable === false
    ) {
      const on = joined(level, parent.alias);
      const child = on && level.items.find(one => !one.nullable && reference(one, parent, on, level, level));
      const key = child && reference(child, parent, on, level, level);
      if (key && given(level, child, key.columns)) tell(node, key);
      continue;
    }
    const not =
      'BoolExpr' in node && node.BoolExpr.boolop === 'NOT_EXPR' ? node.BoolExpr.args?.[0] : undefined;
    if (!not || !('SubLink' in not)) continue;
    const { subLinkType, subselect, testexpr } = not.SubLink;
    const inner = query.levels.find(
      one => subselect && 'SelectStmt' in subselect && one.select === subselect.SelectStmt,
    );
    const [only] = inner?.items ?? [];
    if (!inner || !only || !plain(inner)) continue;
    const [target] = inner.select.targetList ?? [];
    const value = target && 'ResTarget' in target ? target.ResTarget.val : undefined;
    const list = [...conjuncts(inner.select.whereClause)];
    for (const child of level.items.filter(({ nullable }) => !nullable)) {
      if (subLinkType === 'EXISTS_SUBLINK') {
        const key = reference(child, only, list, inner, level);
        if (key && given(level, child, key.columns)) tell(node, key);
      } else if (subLinkType === 'ANY_SUBLINK' && testexpr && value && list.length === 0) {
        const key = child.table.references.find(
          one =>
            one.parent === only.table.quoted &&
            one.columns.length === 1 &&
            testexpr &&
            ownerOf(level, testexpr) === child &&
            one.columns[0] === fields(testexpr).at(-1) &&
            ownerOf(inner, value) === only &&
            one.parentColumns[0] === fields(value).at(-1),
        );
        if (key) tell(node, key);
      }
    }
  }
  return findings;
}

/** One base table, and nothing that takes rows away but its WHERE. */
const plain = ({ select, items, open }: Level): boolean =>
  items.length === 1 &&
  !open &&
  !select.larg &&
  ![select.limitCount, select.limitOffset, select.havingClause].some(Boolean) &&
  !select.groupClause?.length &&
  !(select.fromClause ?? []).some(one => 'RangeTableSample' in one);

/** The conditions of the left join that adds a table. */
function joined(level: Level, alias: string): Node[] | undefined {
  for (const node of nodesAt(level.select.fromClause)) {
    if (!('JoinExpr' in node) || node.JoinExpr.jointype !== 'JOIN_LEFT') continue;
    const { rarg, quals, usingClause } = node.JoinExpr;
    if (!rarg || !('RangeVar' in rarg) || usingClause) continue;
    if ((rarg.RangeVar.alias?.aliasname ?? rarg.RangeVar.relname) === alias) return [...conjuncts(quals)];
  }
  return undefined;
}

function duplicates(query: Query, level: Level): Finding[] {
  const { select, items, open } = level;
  const [only] = items;
  if (!only || items.length !== 1 || open || !select.groupClause?.length) return [];
  const grouped = select.groupClause.map(node => (ownerOf(level, node) ? (fields(node).at(-1) ?? '') : ''));
  const key = only.table.keys.find(
    one =>
      one.columns.every(name => grouped.includes(name)) && (one.total || given(level, only, one.columns)),
  );
  if (!key) return [];
  return [...conjuncts(select.havingClause)].flatMap(node =>
    several(node)
      ? [
          found(
            query,
            node,
            'two rows alike in these columns',
            `${key.name} UNIQUE (${key.columns.join(', ')})`,
          ),
        ]
      : [],
  );
}

/** `count(*) > 1`, `count(*) >= 2`, `count(*) <> 1`; of a count that leaves rows out the last is met by 0, too. */
function several(node: Node): boolean {
  if (!('A_Expr' in node)) return false;
  const { lexpr, rexpr, name } = node.A_Expr;
  if (!lexpr || !('FuncCall' in lexpr) || names(lexpr.FuncCall.funcname).at(-1) !== 'count') return false;
  const { agg_star, agg_filter, over } = lexpr.FuncCall;
  const asked = `${names(name).join()} ${literal(rexpr)}`;
  const all = agg_star === true && !agg_filter;
  return !over && (['> 1', '>= 2'].includes(asked) || (all && asked === '<> 1'));
}

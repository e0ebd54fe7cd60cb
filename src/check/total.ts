import { conjuncts, equals, fields, names } from '../watch/scope/ast.ts';
import type { Node } from '../watch/scope/parse.ts';
import { literal, nodesOf, same } from './expression.ts';
import { type Level, nodesAt, ownerOf } from './level.ts';

/**
 * Whether expressions tell all rows of a level apart, so that an order by them is the same every time. `values`: what is made of the
 * rows; rows that are the same in these may change places. Undefined: that can't be said.
 */
export function total(
  level: Level,
  by: readonly Node[],
  values: readonly Node[] | undefined,
): boolean | undefined {
  const { select } = level;
  const known = new Set(by.flatMap(node => column(level, node) ?? []));
  const alike = (node: Node) => by.some(one => same(one, node));
  if (values && select.groupClause === undefined && values.every(alike)) return true;
  if (select.groupClause?.length) return select.groupClause.every(alike) || undefined;
  const calls = (select.targetList ?? []).some(node => [...nodesAt(node)].some(isCount));
  if (calls && !select.distinctClause) return true;
  const told = close(level, known);
  if (values?.every(node => follows(level, node, known, alike))) return true;
  if (level.open || (level.items.length === 0 && select.fromClause?.length)) return undefined;
  return told;
}

/** An aggregate that is sure to be one: a query with it and without GROUP BY has one row. */
const isCount = (node: Node): boolean =>
  'FuncCall' in node &&
  !node.FuncCall.over &&
  ['count', 'sum', 'min', 'max', 'avg', 'array_agg', 'string_agg', 'bool_and', 'bool_or'].includes(
    names(node.FuncCall.funcname).at(-1) ?? '',
  );

function follows(
  level: Level,
  node: Node,
  known: ReadonlySet<string>,
  alike: (node: Node) => boolean,
): boolean {
  if (alike(node)) return true;
  const all = [...nodesOf(node)];
  if (all.some(one => 'A_Star' in one || 'SubLink' in one || 'FuncCall' in one)) return false;
  return all.every(one => !('ColumnRef' in one) || known.has(column(level, one) ?? ''));
}

/** Adds to `known` what equalities and keys make of it; true: a key of every table is in it. */
function close(level: Level, known: Set<string>): boolean {
  const { strict, outer } = conditions(level);
  for (const node of strict) {
    for (const [a, b] of equals(node)) {
      for (const [x, y] of [
        [a, b],
        [b, a],
      ] as const) {
        const name = column(level, x);
        // A constant, or a column of a level further out: the same for all rows here.
        if (
          name !== undefined &&
          (literal(y) !== undefined ||
            (fields(y).length > 0 && column(level, y) === undefined && !level.open))
        )
          known.add(name);
      }
    }
  }
  for (let before = -1; before !== known.size;) {
    before = known.size;
    for (const [node, only] of [...strict.map(node => [node, undefined] as const), ...outer]) {
      for (const [a, b] of equals(node)) {
        const [x, y] = [column(level, a), column(level, b)];
        if (x === undefined || y === undefined) continue;
        if (known.has(x) && (!only || y.startsWith(only))) known.add(y);
        if (known.has(y) && (!only || x.startsWith(only))) known.add(x);
      }
    }
    for (const { table, alias } of level.items) {
      if (!keyed(alias, table.keys, known)) continue;
      for (const name of table.columns.keys()) known.add(`${alias}.${name}`);
    }
  }
  return level.items.every(({ table, alias }) => keyed(alias, table.keys, known));
}

const keyed = (
  alias: string,
  keys: readonly { columns: readonly string[]; total: boolean }[],
  known: ReadonlySet<string>,
): boolean => keys.some(key => key.total && key.columns.every(name => known.has(`${alias}.${name}`)));

/** Conjuncts that hold for each row; and those of a left join, which bind only the table that it adds. */
function conditions({ select }: Level): { strict: Node[]; outer: [Node, string][] } {
  const strict = [...conjuncts(select.whereClause)];
  const outer: [Node, string][] = [];
  const walk = (item: Node, plain: boolean): void => {
    if (!('JoinExpr' in item)) return;
    const { jointype, larg, rarg, quals } = item.JoinExpr;
    const inner = jointype === 'JOIN_INNER';
    if (plain && inner) strict.push(...conjuncts(quals));
    if (plain && jointype === 'JOIN_LEFT' && rarg && 'RangeVar' in rarg) {
      const alias = rarg.RangeVar.alias?.aliasname ?? rarg.RangeVar.relname ?? '';
      outer.push(...[...conjuncts(quals)].map((node): [Node, string] => [node, `${alias}.`]));
    }
    if (larg) walk(larg, plain && (inner || jointype === 'JOIN_LEFT'));
    if (rarg) walk(rarg, plain && inner);
  };
  for (const item of select.fromClause ?? []) walk(item, true);
  return { strict, outer };
}

/** `alias.column` of a base table of this level; undefined: it is none, or that isn't certain. */
function column(level: Level, node: Node): string | undefined {
  const owner = ownerOf(level, node);
  return owner && `${owner.alias}.${fields(node).at(-1)}`;
}

import type { Node } from '../../watch/scope/parse.ts';
import { candidates } from '../candidates.ts';
import { columnRefs } from '../expression.ts';
import type { Fragment } from '../fragment.ts';
import type { Check, Column, Table } from '../table.ts';
import { neverNull, obstacleTo } from './assignment.ts';
import { type Leaf, type Local, generated } from './local.ts';

/** More made-up rows than these are not tried. */
const mostStates = 100_000;

/**
 * The made-up rows on which heals of one table are tried: every combination of values that could make a difference.
 *
 * Why these speak for all rows: columns that meet in a comparison, or are copied into each other, form a class. Conditions
 * and constraints see of a class only how its values compare with each other and with the constants that are named, and for
 * each such pattern there is a combination of candidates (see fragment.ts). Writing a named constant, NULL or another
 * column's value leads from a pattern to the same pattern whichever row had it. So what can happen to a row happens to the
 * made-up row of its pattern too, and the other way round.
 */
export interface Space {
  readonly dimensions: readonly Dimension[];
  /** Conditions that are too rich to be tried: taken to be true, false or NULL as they please. No heal writes what they read. */
  readonly assumed: ReadonlyMap<Leaf, string>;
  readonly checks: readonly Check[];
  /** Columns of which only is known whether they are NULL, not what is written to them. */
  readonly vague: readonly string[];
  readonly size: number;
}

export interface Dimension {
  readonly name: string;
  readonly type: string;
  readonly values: readonly (string | null)[];
  /** Only NULL or not is told apart: the first value stands for all others. */
  readonly loose: boolean;
  /** A condition that is assumed, not a column. */
  readonly assumed?: Leaf;
}

export interface Laid {
  readonly space: Space | undefined;
  /** Why what isn't found in it may be all the same; undefined: it can't. */
  readonly doubt: string | undefined;
}

/** @param assume conditions that can't be decided are assumed; else tried with what candidates there are */
export function layOut(table: Table, members: readonly Local[], fragment: Fragment, assume: boolean): Laid {
  const doubts: string[] = [];
  const doubt = (why: string | undefined) => void (why !== undefined && doubts.push(why));
  const written = new Set(members.flatMap(({ sets }) => [...sets.keys()]));
  const touchesWritten = (columns: readonly string[]) => columns.some(name => written.has(name));
  const assumed = new Map<Leaf, string>();
  const kept: Leaf[] = [];
  for (const leaf of members.flatMap(({ leaves }) => leaves)) {
    const obstacle = fragment.obstacle(leaf.node);
    // A generated column changes with others, xmin with any write.
    const plain = leaf.columns.every(
      name => (table.columns.get(name)?.opaque ?? '') !== generated && table.columns.has(name),
    );
    const free = obstacle !== undefined && plain && !touchesWritten(leaf.columns);
    if (free && assume) {
      const twin = [...assumed.keys()].find(({ text }) => text === leaf.text);
      assumed.set(leaf, (twin && assumed.get(twin)) ?? `evenkeel p${assumed.size}`);
    } else kept.push(leaf);
    if (!free) doubt(obstacle);
  }

  const assignments = members.flatMap(({ sets }) => [...sets]);
  const used = new Set([
    ...kept.flatMap(({ columns }) => columns),
    ...written,
    ...assignments.flatMap(([, value]) => columnsIn(value)),
  ]);
  const checks: Check[] = [];
  for (let before = -1; before !== used.size + checks.length;) {
    before = used.size + checks.length;
    for (const check of table.checks) {
      if (checks.includes(check) || !check.columns.some(name => used.has(name))) continue;
      const obstacle = fragment.obstacle(check.node);
      if (obstacle !== undefined && touchesWritten(check.columns)) doubt(`${check.name}: ${obstacle}`);
      // Without it there are only more rows, and it looks at nothing that is written.
      if (obstacle !== undefined && assume && !touchesWritten(check.columns)) continue;
      checks.push(check);
      for (const name of check.columns) used.add(name);
    }
  }
  const leaves = [...kept.map(({ node }) => node), ...checks.map(({ node }) => node)].flatMap(leavesOf);

  const columns: Column[] = [];
  const loose = new Set<string>();
  const vague = new Set<string>();
  for (const name of used) {
    const column = table.columns.get(name);
    if (!column) doubt(`${name} is no column`);
    else if (column.opaque !== undefined) doubt(`${name}: ${column.opaque}`);
    if (!column) continue;
    const values = assignments.filter(([to]) => to === name).map(([, value]) => value);
    const hard = values.map(value => obstacleTo(value, column, table, fragment));
    const obstacle = hard.find(one => one !== undefined);
    const onlyNull =
      leaves.every(leaf => !columnsIn(leaf).includes(name) || isNullTest(leaf)) &&
      !assignments.some(([to, value]) => to !== name && columnsIn(value).includes(name));
    const read = leaves.some(leaf => columnsIn(leaf).includes(name));
    if (obstacle === undefined && !(column.kind === 'other' && onlyNull)) columns.push(column);
    else if (onlyNull && values.every((value, i) => hard[i] === undefined || neverNull(value))) {
      loose.add(name);
      if (obstacle !== undefined) vague.add(name);
      columns.push(column);
    } else if (onlyNull && !read && column.nullable) vague.add(name);
    else {
      columns.push(column);
      doubt(obstacle);
    }
  }

  const classes = classesOf(columns, leaves, assignments);
  const dimensions: Dimension[] = columns.map(column => {
    const mates = columns.filter(one => classes.get(one.name) === classes.get(column.name));
    const about = [
      ...leaves,
      ...assignments.filter(([to]) => mates.some(one => one.name === to)).map(([, value]) => value),
    ].filter(
      node =>
        columnsIn(node).length === 0 || columnsIn(node).some(name => mates.some(one => one.name === name)),
    );
    const found = candidates(column, about, mates);
    const given = found.some(one => one !== null) ? found : [...(sample(column.type) ?? []), ...found];
    if (!given.some(one => one !== null))
      doubt(`values of type ${column.type} are not tried (${column.name})`);
    const values = loose.has(column.name)
      ? [given.find(one => one !== null) ?? null, ...(column.nullable ? [null] : [])]
      : given;
    return { name: column.name, type: column.type, values, loose: loose.has(column.name) };
  });
  const names = new Map([...assumed].map(([leaf, name]) => [name, leaf]));
  for (const [name, leaf] of names)
    dimensions.push({ name, type: 'boolean', values: ['true', 'false', null], loose: false, assumed: leaf });
  const size = dimensions.reduce((product, { values }) => product * values.length, 1);
  const [first] = doubts;
  // Made-up rows could not be held to what is said of such a column.
  if (columns.some(({ opaque }) => opaque !== undefined)) return { space: undefined, doubt: first };
  if (size > mostStates) {
    return { space: undefined, doubt: first ?? `${size} combinations of values are more than ${mostStates}` };
  }
  return { space: { dimensions, assumed, checks, vague: [...vague], size }, doubt: first };
}

const columnsIn = (node: Node): string[] => columnRefs(node).map(parts => parts.at(-1) ?? '');

function leavesOf(node: Node): Node[] {
  return 'BoolExpr' in node ? (node.BoolExpr.args ?? []).flatMap(leavesOf) : [node];
}

const isNullTest = (node: Node): boolean =>
  'NullTest' in node && node.NullTest.arg !== undefined && 'ColumnRef' in node.NullTest.arg;

/** Columns that meet in a condition, or are copied into each other: name → its class. */
function classesOf(
  columns: readonly Column[],
  leaves: readonly Node[],
  assignments: readonly (readonly [string, Node])[],
): Map<string, string> {
  const parent = new Map(columns.map(({ name }) => [name, name]));
  const root = (name: string): string => {
    const up = parent.get(name) ?? name;
    return up === name ? name : root(up);
  };
  const join = (names: readonly string[]) => {
    const [first, ...others] = names;
    for (const other of others) parent.set(root(other), root(first as string));
  };
  for (const leaf of leaves) join(columnsIn(leaf));
  for (const [to, value] of assignments) join([to, ...columnsIn(value)]);
  return new Map(columns.map(({ name }) => [name, root(name)]));
}

/** Some value of a type of which nothing but NULL is told apart. */
function sample(type: string): string[] | undefined {
  if (type.endsWith('[]')) return ['{}'];
  const value = samples[type];
  return value === undefined ? undefined : [value];
}
const samples: Readonly<Record<string, string>> = {
  json: '{}',
  jsonb: '{}',
  bytea: '',
  interval: '0',
  inet: '0.0.0.0',
  'time without time zone': '00:00',
  character: 'a',
};

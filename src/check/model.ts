import type { Tx } from '../db/pool.ts';
import { quote } from '../db/pool.ts';
import { fields } from '../watch/scope/ast.ts';
import type { Node } from '../watch/scope/parse.ts';
import type { Column } from './columns.ts';
import { type Constraint, type Source, mapped, named, ref } from './constraint.ts';
import { columnRefs, parseCondition } from './expression.ts';
import { referenced } from './referenced.ts';
import type { Key, Table } from './table.ts';

/** A condition over sources, with the columns that it depends on and all that ties these. */
export interface Model {
  readonly sources: readonly Source[];
  /** By id, `source number.column`; those that are generated, too. */
  readonly columns: ReadonlyMap<string, { readonly source: Source; readonly column: Column }>;
  readonly constraints: readonly Constraint[];
  /** Of each part, its columns named by id, generated ones replaced by what they are made of. */
  readonly parts: readonly Node[];
  /** The ids of the columns that these parts name. */
  read(parts: readonly string[]): readonly string[];
  /** What a witness was not held against. */
  readonly unsure: readonly string[];
}

/** Undefined: it reads more than the columns of its sources. */
export async function modelOf(
  tx: Tx,
  sources: readonly Source[],
  parts: readonly string[],
): Promise<Model | undefined> {
  const nodes = parts.map(part => named(parseCondition(part), path => find(sources, path)));
  if (nodes.includes(undefined)) return undefined;
  const columns = new Map<string, { source: Source; column: Column }>();
  const use = (id: string): void => {
    const [, i = '', name = ''] = /^(\d+)\.(.*)$/s.exec(id) ?? [];
    const source = sources[Number(i)];
    const column = source?.table.columns.get(name);
    if (!source || !column || columns.has(id)) return;
    columns.set(id, { source, column });
    for (const path of column.generated ? columnRefs(column.generated.node) : []) use(`${i}.${path.at(-1)}`);
    // What is made of it has to be made without an error.
    for (const other of source.table.columns.values())
      if (other.generated && columnRefs(other.generated.node).some(path => path.at(-1) === name))
        use(`${i}.${other.name}`);
  };
  const every: Constraint[] = [];
  const doubts: { why: string; id: string }[] = [];
  for (const [i, source] of sources.entries()) {
    const id = (name: string) => `${i}.${name}`;
    const above = await referenced(tx, source, id);
    every.push(...own(source, id), ...above.constraints);
    doubts.push(...above.doubts);
  }
  const pairs = twins(sources);
  for (const id of idsOf(nodes)) use(id);
  for (const [i, j, table] of pairs)
    for (const name of table.keys.flatMap(key => key.columns)) for (const n of [i, j]) use(`${n}.${name}`);
  const constraints = new Set<Constraint>();
  for (let before = -1; before !== columns.size + constraints.size;) {
    before = columns.size + constraints.size;
    for (const one of every) {
      if (!one.ids.some(id => columns.has(id))) continue;
      constraints.add(one);
      one.ids.forEach(use);
    }
    // Of two rows that may be the same, the same columns are looked at.
    for (const [i, j, { columns: all }] of pairs)
      for (const name of all.keys())
        if (columns.has(`${i}.${name}`) || columns.has(`${j}.${name}`))
          for (const n of [i, j]) use(`${n}.${name}`);
  }
  for (const [i, j, { keys }] of pairs) {
    const names = [...columns.keys()]
      .filter(id => id.startsWith(`${i}.`))
      .map(id => id.slice(String(i).length + 1));
    for (const key of keys) constraints.add(oneRow(sources, i, j, key, names));
  }
  const unsure = [
    ...doubts.filter(({ id }) => columns.has(id)).map(({ why }) => why),
    ...pairs.flatMap(([, , { odd }]) =>
      odd.length > 0 ? [`whether ${odd.join(', ')} allows two such rows was not looked at`] : [],
    ),
    ...sources.flatMap(({ table: { related, bounds, quoted } }) =>
      related && !bounds
        ? [`${quoted} has partitions or children: whether one of them takes such a row was not looked at`]
        : [],
    ),
  ];
  const made = (node: Node) => derived(node, columns);
  return {
    sources,
    columns,
    constraints: [...constraints].map(one => ({ ...one, nodes: one.nodes.map(made) })),
    parts: (nodes as Node[]).map(made),
    read: texts => idsOf(texts.flatMap(text => (nodes as Node[])[parts.indexOf(text)] ?? [])),
    unsure,
  };
}

export const idsOf = (root: unknown): string[] => columnRefs(root).map(path => path.join('.'));

function find(sources: readonly Source[], path: readonly string[]): string | undefined {
  const [first = '', second, ...rest] = path;
  if (rest.length > 0) return undefined;
  const [alias, name] = second === undefined ? [undefined, first] : [first, second];
  const found = [...sources.entries()].filter(
    ([, one]) => (alias === undefined || one.alias === alias) && one.table.columns.has(name),
  );
  return found.length === 1 ? `${found[0]?.[0]}.${name}` : undefined;
}

/** Undefined columns stay. Every id is one name, whatever signs are in it. */
function derived(root: Node, columns: Model['columns']): Node {
  return mapped(root, node => {
    const id = fields(node).join('.');
    const made = columns.get(id)?.column.generated;
    if (!made) return node;
    const [i = ''] = id.split('.', 1);
    return named(made.node, path => `${i}.${path.at(-1)}`) ?? node;
  });
}

/** Checks, and NOT NULL of domains and of what was computed. */
function own(source: Source, id: (name: string) => string): Constraint[] {
  const { checks, columns, bounds } = source.table;
  const tied = checks.map((check): Constraint => {
    const node = named(check.node, path => id(path.at(-1) ?? ''));
    return {
      source,
      strict: `(${check.text}\n) is not false`,
      loose: node && `(${check.loose}\n) is not false`,
      nodes: node ? [node] : [],
      ids: check.columns.map(id),
      ground: `${check.name} ${check.definition}`,
    };
  });
  const refused = [...columns.values()].filter(one => one.required && (one.nullable || one.generated));
  const given = refused.map(({ name, nullable }): Constraint => ({
    source,
    strict: `${quote(name)} is not null`,
    loose: nullable ? undefined : `${quote(name)} is not null`,
    nodes: nullable ? [] : [{ NullTest: { arg: ref(id(name)), nulltesttype: 'IS_NOT_NULL' } }],
    ids: [id(name)],
    ground: '',
  }));
  if (!bounds) return [...tied, ...given];
  const node = named(parseCondition(`(${bounds.text}\n)`), path => id(path.at(-1) ?? ''));
  const taken = { source, strict: `(${bounds.text}\n)`, loose: undefined, nodes: node ? [node] : [] };
  return [...tied, ...given, { ...taken, ids: bounds.columns.map(id), ground: '' }];
}

/** Sources that are the same table, by number. */
const twins = (sources: readonly Source[]): [number, number, Table][] =>
  sources.flatMap((a, i) =>
    sources.flatMap((b, j): [number, number, Table][] =>
      j > i && a.table.oid === b.table.oid ? [[i, j, a.table]] : [],
    ),
  );

/** Two rows that are alike in a key are the same row. */
function oneRow(
  sources: readonly Source[],
  i: number,
  j: number,
  key: Key,
  names: readonly string[],
): Constraint {
  const alike = (name: string, sign: string) =>
    [i, j].map(n => `${quote(sources[n]?.alias ?? '')}.${quote(name)}`).join(` ${sign} `);
  const equal = key.columns.map(name => alike(name, '='));
  const others = names
    .filter(name => !key.columns.includes(name))
    .map(name => alike(name, 'is not distinct from'));
  const text = (parts: readonly string[]) =>
    `((${parts.join(' and ')}) is not true${others.length > 0 ? ` or (${others.join(' and ')})` : ''})`;
  const ids = names.flatMap(name => [`${i}.${name}`, `${j}.${name}`]);
  const nodes = [...equal, ...others].flatMap(
    one => named(parseCondition(one), path => find(sources, path)) ?? [],
  );
  return {
    source: undefined,
    strict: text(key.total ? key.columns.map(name => alike(name, 'is not distinct from')) : equal),
    loose: text(equal),
    nodes,
    ids,
    ground: `${key.name} UNIQUE (${key.columns.join(', ')})`,
  };
}

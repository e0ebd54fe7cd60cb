import { type Tx, ask, quote } from '../db/pool.ts';
import type { Node } from '../watch/scope/parse.ts';
import { candidates } from './candidates.ts';
import { type Model, idsOf } from './model.ts';

/** Every combination of values that could make a difference, as one query. */
export interface Space {
  readonly combinations: number;
  /** Columns for which there is no value to try but NULL. */
  readonly untried: ReadonlySet<string>;
  /**
   * The first row that meets the conditions, by id; undefined: none does. For a proof (`loose`) what is generated is left out where
   * nothing reads it. `modest`: without bounds and infinities, for what can't be computed of those.
   */
  first(
    tx: Tx,
    constraints: Model['constraints'],
    by: 'strict' | 'loose',
    parts: readonly string[],
    modest?: boolean,
  ): Promise<Row | undefined>;
}

export type Row = ReadonlyMap<string, string | null>;

export function spaceOf(model: Model): Space {
  const { columns, sources } = model;
  const linked = components(model);
  const free = [...columns].filter(([, { column }]) => !column.generated);
  const values = new Map(
    free.map(([id, { column }]) => {
      const leaves = linked.filter(({ ids }) => ids.has(id));
      const beside = new Set(leaves.flatMap(({ ids }) => [...ids]));
      const others = [...beside].flatMap(one => columns.get(one)?.column ?? []);
      return [
        id,
        candidates(
          column,
          leaves.flatMap(({ nodes }) => nodes),
          others.includes(column) ? others : [...others, column],
        ),
      ];
    }),
  );
  return {
    combinations: [...values.values()].reduce((product, list) => product * list.length, 1),
    untried: new Set(free.flatMap(([id]) => (values.get(id)?.some(one => one !== null) ? [] : [id]))),
    first: async (tx, constraints, by, parts, modest = false) => {
      const given: unknown[] = [];
      const read = new Set([...model.read(parts), ...constraints.flatMap(({ ids }) => ids)]);
      const there = [...columns].filter(
        ([id, { column }]) => by === 'strict' || !column.generated || read.has(id),
      );
      const from = sources.map(({ alias }, i) => {
        const mine = there.filter(([id]) => id.startsWith(`${i}.`));
        const lists = mine
          .filter(([, { column }]) => !column.generated)
          .map(([id, { column }], n) => {
            given.push(modest ? values.get(id)?.filter(isModest) : values.get(id));
            return `unnest($${given.length}::text[]::${column.type}[]) evenkeel_${n}(${quote(column.name)})`;
          });
        const made = mine.flatMap(
          ([
            ,
            {
              column: { name, type, generated },
            },
          ]) => (generated ? [`, (${generated.text}\n)::${type} as ${quote(name)}`] : []),
        );
        const which = constraints.flatMap(one =>
          one.source === sources[i] && one[by] !== undefined ? [one[by]] : [],
        );
        const rows = `select *${made.join('')} from ${lists.length > 0 ? lists.join(' cross join ') : '(select) evenkeel_0'}`;
        return `(select * from (${rows}) evenkeel_r${which.length > 0 ? ` where ${which.join('\n and ')}` : ''}) ${quote(alias)}`;
      });
      const across = constraints.flatMap(one => (!one.source && one[by] !== undefined ? [one[by]] : []));
      const where = [...across, ...parts.map(part => `(${part}\n)`)];
      const list = there.map(
        ([, { source, column }]) => `${quote(source.alias)}.${quote(column.name)}::text`,
      );
      const [row] = await ask(
        tx,
        `select ${list.join(', ')} from ${from.join(' cross join ')}${where.length > 0 ? ` where ${where.join('\n and ')}` : ''} limit 1`,
        given,
      );
      return row && new Map(there.map(([id], i) => [id, row[i] ?? null]));
    },
  };
}

const isModest = (value: string | null): boolean =>
  value === null || (value.length <= 6 && !/^(-?inf|nan)/i.test(value)) || !/^[-\d.e+]+$|inf/i.test(value);

/** Columns that are compared with each other, directly or by way of others, and the comparisons. */
function components({ parts, constraints }: Model): { ids: ReadonlySet<string>; nodes: readonly Node[] }[] {
  let groups: { ids: Set<string>; nodes: Node[] }[] = [];
  for (const leaf of [...parts, ...constraints.flatMap(({ nodes }) => nodes)].flatMap(leavesIn)) {
    const ids = idsOf(leaf);
    const met = groups.filter(group => ids.some(id => group.ids.has(id)));
    const all = new Set([...ids, ...met.flatMap(group => [...group.ids])]);
    groups = [
      ...groups.filter(group => !met.includes(group)),
      { ids: all, nodes: [...met.flatMap(({ nodes }) => nodes), leaf] },
    ];
  }
  return groups;
}

/** What AND, OR, NOT and IS join: whether each is true depends on its own columns alone. */
function leavesIn(node: Node): Node[] {
  if ('BoolExpr' in node) return (node.BoolExpr.args ?? []).flatMap(leavesIn);
  if ('BooleanTest' in node && node.BooleanTest.arg) return leavesIn(node.BooleanTest.arg);
  if ('NullTest' in node && node.NullTest.arg && !('ColumnRef' in node.NullTest.arg))
    return leavesIn(node.NullTest.arg);
  return [node];
}

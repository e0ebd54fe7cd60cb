import { type Tx, quote } from '../db/pool.ts';
import type { Node } from '../watch/scope/parse.ts';
import type { Column } from './columns.ts';
import { type Constraint, type Source, named, ref } from './constraint.ts';
import { type Reference, type Table, readTable } from './table.ts';

/** What a doubt is about: it counts only where the column is looked at. */
export interface Doubt {
  readonly why: string;
  readonly id: string;
}

/**
 * What a row has to meet because another one must be there that it refers to: the checks of that table on its key, and in turn what that
 * refers to by the same columns. Of the other columns of the row above nothing is known, and no check ties them to its key.
 */
export async function referenced(
  tx: Tx,
  source: Source,
  id: (name: string) => string,
): Promise<{ constraints: Constraint[]; doubts: Doubt[] }> {
  const constraints: Constraint[] = [];
  const doubts: Doubt[] = [];
  await climb(source.table, new Map([...source.table.columns.keys()].map(name => [name, name])), 0);
  return { constraints, doubts };

  /** @param mine columns of `table` → those of the source that hold the same values */
  async function climb(table: Table, mine: ReadonlyMap<string, string>, depth: number): Promise<void> {
    for (const reference of table.references) {
      const names = reference.columns.map(name => mine.get(name));
      if (names.includes(undefined)) {
        for (const name of names)
          if (name !== undefined)
            doubts.push({ why: `${reference.name}: only a part of its columns was followed`, id: id(name) });
        continue;
      }
      await follow(table, reference, names as string[], depth);
    }
  }

  async function follow(
    table: Table,
    reference: Reference,
    names: readonly string[],
    depth: number,
  ): Promise<void> {
    const { parent, parentColumns, name, definition } = reference;
    const doubt = (why: string) =>
      doubts.push(...names.map(one => ({ why: `${name}: ${why}`, id: id(one) })));
    const nothing = names.map(one => `${quote(one)} is null`).join(' or ');
    const ground = `${name} ${definition}`;
    const ids = names.map(id);
    const given = { source, ids, ground };
    if (reference.full && names.length > 1) {
      const all = names.map(one => `${quote(one)} is null`).join(' and ');
      constraints.push({
        ...given,
        strict: `((${nothing}) is false or (${all}))`,
        loose: undefined,
        nodes: [],
      });
    }
    const above = await parentOf(tx, table, parent);
    if (!above || above.related) return void doubt(`the rows of ${parent} were not searched`);
    // A key that refers to itself can be its own row; a longer way round can't be told to end.
    if (depth > 4) return void doubt('the rows that it refers to were not followed to their end');
    for (const [i, key] of parentColumns.entries()) {
      const own = source.table.columns.get(names[i] ?? '');
      const other = above.columns.get(key);
      if (!own || !other || !exact(own, other))
        return void doubt(`whether ${parent} can hold such a key was not asked`);
      const fits = within(names[i] ?? '', own, other);
      if (fits !== undefined)
        constraints.push({ ...given, strict: `((${nothing}) or ${fits})`, loose: undefined, nodes: [] });
    }
    const values = names.map((one, i) => `${quote(one)} as ${quote(parentColumns[i] ?? '')}`).join(', ');
    for (const check of above.checks) {
      if (!check.columns.some(one => parentColumns.includes(one))) continue;
      if (check.columns.some(one => !parentColumns.includes(one))) {
        doubt(`whether ${parent} can hold such a key beside its other columns was not asked (${check.name})`);
        continue;
      }
      const put = (text: string) =>
        `((${nothing}) or (select (${text}\n) is not false from (select ${values}) evenkeel_up))`;
      const node = named(check.node, path => id(names[parentColumns.indexOf(path.at(-1) ?? '')] ?? ''));
      constraints.push({
        ...given,
        strict: put(check.text),
        loose: node && put(check.loose),
        nodes: node
          ? [{ BoolExpr: { boolop: 'OR_EXPR', args: [...names.map(one => isNull(id(one))), node] } }]
          : [],
        ground: `${ground}; ${check.name} ${check.definition}`,
      });
    }
    if (above.oid !== table.oid)
      await climb(above, new Map(parentColumns.map((key, i) => [key, names[i] ?? ''])), depth + 1);
  }
}

const isNull = (id: string): Node => ({
  NullTest: { arg: ref(id), nulltesttype: 'IS_NULL' },
});

/** Equal values are the same value, so that a check on one speaks of the other. */
const exact = (a: Column, b: Column): boolean =>
  a.kind === b.kind &&
  ['boolean', 'enum', 'text', 'uuid', 'integer'].includes(a.kind) &&
  b.opaque === undefined &&
  !b.generated;

/** The bounds of another type. */
function within(name: string, own: Column, other: Column): string | undefined {
  const most: Readonly<Record<string, string>> = { smallint: '32767', integer: '2147483647' };
  const bound = most[other.type];
  if (own.kind === 'integer' && bound !== undefined)
    return `${quote(name)}::numeric between -${bound} - 1 and ${bound}`;
  if (own.kind === 'text' && other.most !== undefined) return `length(${quote(name)}) <= ${other.most}`;
  return undefined;
}

/** Read once for each reading of the table that refers to it. */
function parentOf(tx: Tx, table: Table, parent: string): Promise<Table | undefined> {
  const known = parents.get(table) ?? new Map<string, Promise<Table | undefined>>();
  parents.set(table, known);
  const found = known.get(parent) ?? readTable(tx, parent);
  known.set(parent, found);
  return found;
}
const parents = new WeakMap<Table, Map<string, Promise<Table | undefined>>>();

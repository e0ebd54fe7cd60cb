import type { Group } from './tables.ts';

/** A column that a select has to give. */
export interface Want {
  readonly name: string;
  readonly group: Group;
  readonly type: string;
}

/** A column that can be named. */
export interface Ref {
  readonly group: Group;
  readonly name: string;
  /** Ways to write it with its table. */
  readonly texts: readonly string[];
  /** Without its table, where that is not ambiguous. */
  readonly bare: string | undefined;
}

export interface Item {
  readonly alias: string;
  readonly columns: readonly { name: string; group: Group }[];
  /** `schema.table` where it may be written so. */
  readonly qualified: string | undefined;
}

/** One SELECT's names, and those of the selects around it. */
export interface Level {
  items: Item[];
  readonly outer: Level | undefined;
  /** CTEs. */
  readonly named: readonly { name: string; wants: readonly Want[] }[];
  /** Columns that USING or NATURAL have merged: their bare name is not ambiguous. */
  merged?: Map<string, Group>;
  /** Behind GROUP BY: these and no others. */
  readonly only?: readonly Ref[];
}

/** What can be named of this level alone. */
export function refs(level: Level): Ref[] {
  if (level.only) return level.only.map(ref => ({ ...ref, bare: undefined }));
  const times = new Map<string, number>();
  for (const { columns } of level.items)
    for (const { name } of columns) times.set(name, (times.get(name) ?? 0) + 1);
  const merged = level.merged ?? new Map<string, Group>();
  const own = level.items.flatMap(({ alias, columns, qualified }) =>
    columns
      .filter(({ name }) => columns.filter(one => one.name === name).length === 1)
      .map(({ name, group }) => ({
        group,
        name,
        texts: [`${alias}.${name}`, ...(qualified ? [`${qualified}.${name}`] : [])],
        bare: times.get(name) === 1 ? name : undefined,
      })),
  );
  return [...own, ...[...merged].map(([name, group]) => ({ group, name, texts: [name], bare: name }))];
}

/** What can be named of the levels outside: what nothing further in hides. */
export function outerRefs(level: Level): Ref[] {
  const aliases = new Set<string>();
  const names = new Set<string>();
  const found: Ref[] = [];
  for (let inner = level, at = level.outer; at; inner = at, at = at.outer) {
    for (const { alias, columns } of inner.items) {
      aliases.add(alias);
      for (const { name } of columns) names.add(name);
    }
    for (const ref of inner.only ?? []) names.add(ref.name);
    for (const ref of refs(at)) {
      const texts = ref.texts.filter(text =>
        text.includes('.') ? !aliases.has(text.split('.').at(-2) ?? '') : !names.has(text),
      );
      const bare = ref.bare !== undefined && !names.has(ref.bare) ? ref.bare : undefined;
      if (texts.length) found.push({ ...ref, texts, bare });
    }
  }
  return found;
}

import { type Item, type Level, type Ref, refs } from './level.ts';
import type { Writer } from './select.ts';
import { type Group, quoted, valuesOf } from './tables.ts';

/** Writes FROM clauses; what they offer is added to the level. */
export class From {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  clause(level: Level, more: number): string {
    const writer = this.#writer;
    const { tape } = writer;
    let text = this.#item(level, more);
    /** Where the current comma's group begins: ON sees no further back. */
    let start = 0;
    for (let n = tape.pick([1, 0, 1, 2]); n > 0; n--) {
      const kind = tape.weighed({
        join: 5,
        left: 5,
        using: 3,
        natural: 2,
        right: writer.tidy ? 0 : 1,
        full: writer.tidy ? 1 : 3,
        comma: writer.tidy ? 1 : 2,
        lateral: 2,
        nested: 1,
      });
      const before = level.items.length;
      if (kind === 'comma') {
        text += `, ${this.#item(level, more)}`;
        start = before;
        continue;
      }
      if (kind === 'lateral' && more > 0) {
        text += this.#lateral(level, more);
        continue;
      }
      const side =
        kind === 'join'
          ? ''
          : kind === 'using' || kind === 'natural' || kind === 'nested'
            ? tape.pick(writer.tidy ? ['', 'left '] : ['', 'left ', 'full ', 'right '])
            : kind === 'lateral'
              ? ''
              : `${kind} `;
      const left = level.items.slice(start);
      let right = this.#item(level, more);
      if (kind === 'nested') {
        const middle = level.items.length;
        const inner = this.#item(level, more);
        right = `(${right} ${tape.pick(['', 'left '])}join ${inner} on ${this.#on(level, level.items.slice(before, middle), level.items.slice(middle), false)})`;
      }
      const rights = level.items.slice(before);
      const shared = this.#shared(level, left, rights);
      if (kind === 'using' && shared.length > 0) {
        const columns = tape.pick([shared, shared.slice(0, 1)]);
        text += ` ${side}join ${right} using (${columns.map(({ name }) => name).join(', ')})`;
        this.#merge(level, columns);
      } else if (kind === 'natural' && this.#naturally(level, left, rights, shared)) {
        text += ` natural ${side}join ${right}`;
        this.#merge(level, shared);
      } else text += ` ${side}join ${right} on ${this.#on(level, left, rights, side === 'full ')}`;
    }
    return text;
  }

  #lateral(level: Level, more: number): string {
    const writer = this.#writer;
    const { tape } = writer;
    const alias = this.#alias(level);
    const wants = writer.wants();
    const body = writer.select(wants, more - 1, level, level.named);
    const side = tape.pick(['cross join', 'left join', 'join']);
    level.items.push({ alias, columns: wants, qualified: undefined });
    return ` ${side} lateral (${body}) ${alias}${side === 'cross join' ? '' : ' on true'}`;
  }

  #on(level: Level, left: readonly Item[], right: readonly Item[], full: boolean): string {
    const writer = this.#writer;
    const { tape } = writer;
    const sides = [left, right].map(items => refs({ items: [...items], outer: undefined, named: [] }));
    const equal = (a: readonly Ref[], b: readonly Ref[]): string | undefined => {
      for (const one of writer.inOrder(a)) {
        const other = b.find(two => two.group === one.group && one.group !== 'e');
        if (other) return `${tape.pick(one.texts)} = ${tape.pick(other.texts)}`;
      }
      return undefined;
    };
    const [a = [], b = []] = sides;
    const conjuncts = [equal(a, b) ?? 'true', ...(tape.chance(20) ? [equal(a, b) ?? 'true'] : [])];
    if (!full && tape.chance(10)) conjuncts.push(equal(b, b) ?? 'true');
    if (!full && tape.chance(10)) conjuncts.push(equal(a, a) ?? 'true');
    if (!full && tape.chance(5)) {
      const inner: Level = { items: [...left, ...right], outer: level.outer, named: level.named };
      conjuncts.push(writer.condition(inner, 1));
    }
    return conjuncts.join(' and ');
  }

  /** Columns that both sides have, each once. */
  #shared(level: Level, left: readonly Item[], right: readonly Item[]): { name: string; group: Group }[] {
    const merged = [...(level.merged ?? [])].map(([name, group]) => ({ name, group }));
    const once = (items: readonly Item[]) => {
      const all = items.flatMap(({ columns }) => [...columns]);
      return all.filter(one => all.filter(({ name }) => name === one.name).length === 1);
    };
    const lefts = [...merged, ...once(left).filter(one => !merged.some(({ name }) => name === one.name))];
    return lefts.filter(
      one =>
        one.group !== 'e' && once(right).some(({ name, group }) => name === one.name && group === one.group),
    );
  }

  /** NATURAL joins on every common name, so each has to be comparable and unambiguous. */
  #naturally(
    level: Level,
    left: readonly Item[],
    right: readonly Item[],
    shared: readonly { name: string }[],
  ): boolean {
    const names = (items: readonly Item[]) =>
      new Set(items.flatMap(({ columns }) => columns.map(({ name }) => name)));
    const both = [...names(left)].filter(name => names(right).has(name));
    return both.every(name => shared.some(one => one.name === name)) && (level.merged?.size ?? 0) < 9;
  }

  #merge(level: Level, columns: readonly { name: string; group: Group }[]): void {
    level.merged ??= new Map();
    for (const { name, group } of columns) level.merged.set(name, group);
  }

  #item(level: Level, more: number): string {
    const writer = this.#writer;
    const { tape, world, views } = writer;
    const kind = tape.weighed({
      table: 10,
      select: more > 0 ? 3 : 0,
      view: views.length ? 2 : 0,
      named: level.named.length ? 4 : 0,
      values: writer.tidy ? 0 : 1,
      function: writer.tidy ? 0 : 1,
    });
    const alias = this.#alias(level);
    if (kind === 'select') {
      const wants = writer.wants();
      const body = writer.select(wants, more - 1, level.outer, level.named);
      level.items.push({ alias, columns: wants, qualified: undefined });
      return `(${body}) ${alias}`;
    }
    if (kind === 'view' || kind === 'named') {
      const { name, wants } = tape.pick(kind === 'view' ? views : level.named) as {
        name: string;
        wants: Item['columns'];
      };
      level.items.push({ alias, columns: wants, qualified: undefined });
      return `${name} ${alias}`;
    }
    if (kind === 'values' || kind === 'function') {
      const group = tape.pick(['k', 'x', 'v'] as const);
      const type = world.types[group];
      const list = [0, 1].map(() => `${quoted(tape.pick(valuesOf(type)))}::${type}`);
      if (kind === 'values') {
        level.items.push({ alias, columns: [{ name: group, group }], qualified: undefined });
        return `(values ${list.map(one => `(${one})`).join(', ')}) ${alias}(${group})`;
      }
      // The alias of a function that gives one column names that column, too.
      const name = level.items.some(one => one.alias === group) ? alias : group;
      level.items.push({ alias: name, columns: [{ name, group }], qualified: undefined });
      return `unnest(array[${list.join(', ')}]) ${name}`;
    }
    const table = tape.pick(world.tables);
    const hidden = level.named.some(({ name }) => name === table.name);
    if (!hidden && tape.chance(15) && !level.items.some(one => one.alias === table.name)) {
      level.items.push({
        alias: table.name,
        columns: table.columns,
        qualified: tape.chance(20) ? `p.${table.name}` : undefined,
      });
      return table.name;
    }
    level.items.push({ alias, columns: table.columns, qualified: undefined });
    return `${tape.chance(3) ? 'only ' : ''}p.${table.name} ${tape.chance(50) ? 'as ' : ''}${alias}`;
  }

  /** Not taken at this level; perhaps at one outside, which it then hides. */
  #alias(level: Level): string {
    const free = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].filter(
      name => !level.items.some(one => one.alias === name),
    );
    return this.#writer.tape.pick(free.slice(0, 4));
  }
}

import { From } from './from.ts';
import { type Level, type Ref, type Want, outerRefs, refs } from './level.ts';
import { type World, quoted, valuesOf } from './tables.ts';
import type { Tape } from './tape.ts';

/**
 * Random SELECTs over random tables, built top down: a select is told which columns it has to give, and looks for them
 * in what its FROM offers; what isn't there becomes NULL. Whatever has no certain answer (LIMIT without a total order,
 * row numbers among ties) isn't written, so that two ways of asking can be compared.
 */
export class Writer {
  readonly tape: Tape;
  readonly world: World;
  /** Names and the columns that they give. */
  readonly views: readonly { name: string; wants: readonly Want[] }[];
  /** Written as people write: joined along keys, the key from what comes first. Random queries seldom lead to a key. */
  readonly tidy: boolean;
  readonly from: From;

  constructor(tape: Tape, world: World, views: Writer['views'] = [], tidy = false) {
    this.tidy = tidy;
    this.tape = tape;
    this.world = world;
    this.views = views;
    this.from = new From(this);
  }

  /** `more`: how many levels of sub-selects may follow. */
  select(wants: readonly Want[], more: number, outer: Level | undefined, named: Level['named'] = []): string {
    const { tape } = this;
    let known = named;
    let start = '';
    if (more > 0 && tape.chance(12)) {
      const name = tape.pick(['q', 'r', 't1']);
      const gives = this.wants();
      const body = this.select(gives, more - 1, outer, named);
      start = `with ${name} as ${tape.pick(['', 'materialized ', 'not materialized '])}(${body}) `;
      known = [...named, { name, wants: gives }];
    }
    if (more > 0 && tape.chance(10)) {
      const exact = wants.some(({ type }) => type === 'json');
      const operation = exact
        ? 'union all'
        : tape.pick(['union all', 'union', 'intersect', 'except', 'except all', 'intersect all']);
      const arms = [0, 1].map(() => `(${this.select(wants, more - 1, outer, known)})`);
      return `${start}${arms.join(` ${operation} `)}`;
    }
    return start + this.#core(wants, more, outer, known);
  }

  /** Columns that a sub-select may be asked for. */
  wants(): Want[] {
    const { tape, world } = this;
    const groups = tape.pick([['k', 'x'], ['k'], ['k', 'x', 'v'], ['x', 'v'], ['k', 'v']] as const);
    return groups
      .map(group => ({
        name: tape.chance(8) ? tape.pick(['k', 'x', 'v', 'z']) : group,
        group,
        type: world.types[group],
      }))
      .filter((one, i, all) => all.findIndex(other => other.name === one.name) === i);
  }

  #core(wants: readonly Want[], more: number, outer: Level | undefined, named: Level['named']): string {
    const { tape } = this;
    const level: Level = { items: [], outer, named };
    const from = this.from.clause(level, more);
    const conjuncts = Array.from({ length: tape.int(3) }, () => this.condition(level, more));
    if (outer && tape.chance(75)) conjuncts.unshift(this.#correlation(level) ?? 'true');
    const where = conjuncts.length ? ` where ${conjuncts.join(' and ')}` : '';
    const rest = `from ${from}${where}`;
    const exact = wants.some(({ group }) => group === 'e');
    const odd = this.tidy ? 0 : 1;
    const shape = tape.weighed(
      exact
        ? { plain: 3, group: 2, window: 1, distinct: 0, on: 0, all: 0, limit: 0 }
        : { plain: 8, group: 6, window: 3 * odd, distinct: 1, on: 3 * odd, all: odd, limit: 2 * odd },
    );
    switch (shape) {
      case 'plain':
        return `select ${this.#list(wants, level)} ${rest}`;
      case 'distinct':
        return `select distinct ${this.#list(wants, level)} ${rest}`;
      case 'limit':
        return `select ${this.#list(wants, level)} ${rest} order by ${wants.map((_, i) => i + 1).join(', ') || '1'} limit ${1 + tape.int(2)}`;
      case 'group':
        return this.#grouped(wants, level, more, rest);
      case 'all':
        return `select ${this.#aggregates(wants, refs(level), []).join(', ') || '1'} ${rest}`;
      case 'window':
        return this.#windowed(wants, level, rest);
      case 'on':
        return this.#distinctOn(wants, level, rest);
    }
  }

  /** A column of this level equals one of the level outside. */
  #correlation(level: Level): string | undefined {
    const inner = this.inOrder(refs(level));
    for (const one of inner) {
      const other = outerRefs(level).find(ref => ref.group === one.group && ref.group !== 'e');
      if (other) return `${this.say(one)} = ${this.say(other)}`;
    }
    return undefined;
  }

  #list(wants: readonly Want[], level: Level): string {
    if (wants.length === 0) return '1';
    return wants.map(want => `${this.#give(want, refs(level), level)} as ${want.name}`).join(', ');
  }

  #give(want: Want, offered: readonly Ref[], level?: Level): string {
    const { tape } = this;
    const further = level && tape.chance(6) ? outerRefs(level) : [];
    const fitting = [...offered, ...further].filter(ref => ref.group === want.group);
    if (fitting.length === 0 || (!this.tidy && tape.chance(3))) return `null::${want.type}`;
    const ref = this.tidy && tape.chance(85) ? (fitting[0] as Ref) : tape.pick(fitting);
    const text = this.say(ref);
    if (want.group === 'e' || (!this.tidy && tape.chance(5))) return `${text}::${want.type}`;
    const other = tape.pick(fitting);
    return tape.chance(10) && other !== ref ? `coalesce(${text}, ${this.say(other)})` : text;
  }

  #grouped(wants: readonly Want[], level: Level, more: number, rest: string): string {
    const { tape } = this;
    const offered = this.inOrder(refs(level)).filter(ref => ref.group !== 'e');
    const by: Ref[] = [];
    const list = wants.map(want => {
      const ref = tape.chance(75)
        ? offered.find(one => one.group === want.group && !by.includes(one))
        : undefined;
      if (!ref) return { text: this.#aggregates([want], refs(level), by)[0] as string, by: undefined };
      by.push(ref);
      return { text: `${this.say(ref)} as ${want.name}`, by: ref };
    });
    if (by.length === 0) return `select ${list.map(one => one.text).join(', ') || '1'} ${rest}`;
    const terms = list.flatMap((one, i) =>
      one.by ? [tape.chance(15) ? String(i + 1) : this.say(one.by)] : [],
    );
    const clause = tape.chance(4)
      ? `${tape.pick(['rollup', 'cube'])} (${terms.join(', ')})`
      : terms.join(', ');
    // What is asked behind HAVING may name grouped columns only.
    const group: Level = { ...level, items: [], only: by };
    const having = tape.chance(40)
      ? ` having ${more > 0 && tape.chance(40) ? this.#existence(group, more) : tape.pick(['count(*) > 1', 'count(*) <> 1'])}`
      : '';
    return `select ${list.map(one => one.text).join(', ')} ${rest} group by ${clause}${having}`;
  }

  #aggregates(wants: readonly Want[], offered: readonly Ref[], by: readonly Ref[]): string[] {
    const { tape } = this;
    return wants.map(want => {
      const fitting = offered.filter(ref => ref.group === want.group && !by.includes(ref));
      if (want.group === 'v') {
        const ref = fitting.length ? this.say(tape.pick(fitting)) : undefined;
        return `${tape.pick(['count(*)', ref ? `sum(${ref})` : 'count(*)', ref ? `count(distinct ${ref})` : 'count(*)'])} as v`.replace(
          /v$/,
          want.name,
        );
      }
      if (fitting.length === 0) return `null::${want.type} as ${want.name}`;
      const ref = this.say(tape.pick(fitting));
      const first =
        want.group === 'e' ? `(array_agg(${ref}::text order by ${ref}::text))[1]::${want.type}` : undefined;
      return `${first ?? `(array_agg(${ref} order by ${ref}))[1]`} as ${want.name}`;
    });
  }

  #windowed(wants: readonly Want[], level: Level, rest: string): string {
    const { tape } = this;
    const offered = refs(level);
    const sortable = offered.filter(ref => ref.group !== 'e');
    if (sortable.length === 0) return `select ${this.#list(wants, level)} ${rest}`;
    const parts = tape
      .shuffled(sortable)
      .slice(0, tape.int(3))
      .map(ref => this.say(ref));
    const order = tape.chance(50) ? ` order by ${this.say(tape.pick(sortable))}` : '';
    const definition = `${parts.length ? `partition by ${parts.join(', ')}` : tape.chance(30) ? 'partition by 1' : ''}${order}`;
    const named = tape.chance(30);
    const over = named ? 'over w' : `over (${definition})`;
    const call = `${tape.pick(['count(*)', 'rank()', `max(${this.say(tape.pick(sortable))})`].slice(0, order ? 3 : 2))} ${over}`;
    const list = wants.map(want =>
      want.group === 'v'
        ? `${call.replace(/^max\(.*?\)/, 'count(*)')} as ${want.name}`
        : `${this.#give(want, offered)} as ${want.name}`,
    );
    if (!wants.some(({ group }) => group === 'v')) list.push(`${call} as extra`);
    const inner = `select ${list.join(', ')} ${rest}${named ? ` window w as (${definition})` : ''}`;
    if (list.length === wants.length) return inner;
    return `select ${wants.map(({ name }) => name).join(', ') || '1'} from (${inner}) ranked where extra is not null`;
  }

  #distinctOn(wants: readonly Want[], level: Level, rest: string): string {
    const { tape } = this;
    const list = wants.map(want => ({ name: want.name, text: this.#give(want, refs(level)) }));
    const sortable = refs(level).filter(ref => ref.group !== 'e');
    if (sortable.length === 0 || list.length === 0)
      return `select distinct ${this.#list(wants, level)} ${rest}`;
    const on = tape.chance(40) ? tape.pick(list).name : this.say(tape.pick(sortable));
    return `select distinct on (${on}) ${list.map(({ name, text }) => `${text} as ${name}`).join(', ')} ${rest} order by ${[on, ...list.map((_, i) => i + 1)].join(', ')}`;
  }

  condition(level: Level, more: number): string {
    const { tape } = this;
    const mine = refs(level).filter(ref => ref.group !== 'e');
    if (mine.length === 0) return 'true';
    const kind = tape.weighed({
      equal: 6,
      constant: 4,
      exists: 5,
      among: 4,
      scalar: 2,
      either: 1,
      not: 1,
      same: 1,
      rows: 1,
    });
    const one = tape.pick(mine);
    const all = level.outer && tape.chance(30) ? outerRefs(level) : mine;
    const other = tape.pick(all.filter(ref => ref.group === one.group && ref !== one));
    switch (kind) {
      case 'equal':
        return other ? `${this.say(one)} = ${this.say(other)}` : 'true';
      case 'same':
        return other ? `${this.say(one)} is not distinct from ${this.say(other)}` : 'true';
      case 'constant': {
        const value = quoted(tape.pick(valuesOf(this.world.types[one.group])));
        return tape.pick([
          `${this.say(one)} <> ${value}`,
          `${this.say(one)} is null`,
          `${this.say(one)} is not null`,
          `${this.say(one)} = ${value}`,
        ]);
      }
      case 'exists':
        return more > 0 ? this.#existence(level, more) : 'true';
      case 'among': {
        if (more === 0) return 'true';
        const inner = this.select(
          [{ name: one.group, group: one.group, type: this.world.types[one.group] }],
          more - 1,
          level,
          level.named,
        );
        return `${this.say(one)} ${tape.pick(['in', 'in', 'not in'])} (${inner})`;
      }
      case 'scalar': {
        if (more === 0) return 'true';
        const inner: Level = { items: [], outer: level, named: level.named };
        const from = this.from.clause(inner, more - 1);
        const equal = this.#correlation(inner) ?? 'true';
        return `(select count(*) from ${from} where ${tape.chance(80) ? equal : 'true'}) ${tape.pick(['>', '=', '<>'])} ${tape.int(2)}`;
      }
      case 'either':
        return `(${this.condition(level, 0)} or ${this.condition(level, Math.max(0, more - 1))})`;
      case 'not':
        return `not (${this.condition(level, Math.max(0, more - 1))})`;
      case 'rows': {
        const [a, b] = tape.shuffled(mine);
        const [c, d] = [a, b].map(ref => all.find(two => two.group === ref?.group && two !== ref));
        return a && b && c && d
          ? `(${this.say(a)}, ${this.say(b)}) = (${this.say(c)}, ${this.say(d)})`
          : 'true';
      }
    }
  }

  #existence(level: Level, more: number): string {
    return `${this.tape.pick(['', 'not '])}exists (${this.select([], more - 1, level, level.named)})`;
  }

  /** Keys first where the query is a tidy one. */
  inOrder(list: readonly Ref[]): Ref[] {
    if (!this.tidy || this.tape.chance(15)) return this.tape.shuffled(list);
    return ['k', 'x', 'v'].flatMap(group => list.filter(ref => ref.group === group));
  }

  say(ref: Ref): string {
    return ref.bare !== undefined && this.tape.chance(35) ? ref.bare : this.tape.pick(ref.texts);
  }
}

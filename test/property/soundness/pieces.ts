import { type Rows, Tables, nested } from './rows.ts';
import { type Role, column, valuesOf } from './world.ts';

/** A SELECT that gives the key as `k0`, `k1` …, and a number as `v`. */
export interface Source {
  readonly sql: string;
  /** At most one row a key. */
  readonly unique: boolean;
}

/** Writes the pieces that queries are made of. All of them lead from their rows to the key along equal columns. */
export class Pieces extends Tables {
  readonly views: string[] = [];
  /** Rows meet by any columns. */
  wild = false;
  /** Of the levels outside. */
  readonly #outside: Rows[] = [];

  /** Any rows that lead to the key. */
  rows(more: number): Rows {
    const { tape } = this;
    const kind = tape.weighed({
      near: 6,
      far: 3,
      self: 1,
      derived: more > 0 ? 2 : 0,
      view: this.views.length ? 2 : 0,
      paired: more > 0 ? 1 : 0,
    });
    switch (kind) {
      case 'near':
        return this.hops(0);
      case 'far':
        return this.hops(1 + tape.int(2));
      case 'self':
        return this.governed;
      case 'derived':
        return this.derived(this.source(more - 1).sql);
      case 'view':
        return this.derived(undefined, tape.pick(this.views));
      case 'paired': {
        const [a, b] = [this.hops(0), this.rows(more - 1)];
        const side = tape.pick(['', 'left ']);
        return {
          from: `${a.from} ${side}join ${nested(b)} on ${this.link(a, b)}`,
          key: side && !this.wild ? a.key : tape.pick([a.key, b.key]),
          numbers: [...a.numbers, ...b.numbers],
          states: [...a.states, ...b.states],
          columns: this.tape.chance(50) ? { ...b.columns, ...a.columns } : { ...a.columns, ...b.columns },
        };
      }
    }
  }

  /** How two meet: by the key, or, where it is wild, by whatever they have in common, or by nothing. */
  link(inner: Rows, outer: Rows): string {
    const { tape, wild } = this;
    const kind = wild ? tape.weighed({ key: 4, other: 4, more: 3, further: 2, some: 1, none: 2 }) : 'key';
    const to = kind === 'further' && this.#outside.length > 0 ? tape.pick(this.#outside) : outer;
    const roles = (Object.keys(inner.columns) as Role[]).filter(role => to.columns[role] !== undefined);
    const by = (some: readonly Role[]) =>
      this.equal(
        some.map(role => inner.columns[role] ?? ''),
        some.map(role => to.columns[role] ?? ''),
      ) || 'true';
    switch (kind) {
      case 'key':
        return this.equal(inner.key, outer.key);
      case 'other':
        return by(tape.shuffled(roles).slice(0, 1 + tape.int(2)));
      case 'more':
        return `${this.equal(inner.key, outer.key)} and ${by(tape.shuffled(roles).slice(0, 1))}`;
      case 'further':
        return by(tape.shuffled(roles).slice(0, 1));
      case 'some':
        return this.equal(inner.key.slice(0, 1), outer.key.slice(0, 1));
      case 'none':
        return 'true';
    }
  }

  number(rows: Rows): string {
    return this.tape.pick(rows.numbers);
  }

  aggregate(rows: Rows): string {
    const n = this.number(rows);
    return this.tape.pick([
      `sum(${n})`,
      'count(*)',
      `count(${n})`,
      `max(${n})`,
      `coalesce(sum(${n}), 0)`,
      `count(*) filter (where ${n} > 1)`,
      `sum(case when ${n} > 1 then 1 else 2 end)`,
    ]);
  }

  /** ` where …`, or nothing. */
  where(rows: Rows, more: number, first: readonly string[] = []): string {
    const { tape } = this;
    const all = [
      ...first,
      ...Array.from({ length: tape.pick([0, 1, 1, 2]) }, () => this.condition(rows, more)),
    ];
    return all.length ? ` where ${tape.shuffled(all).join(' and ')}` : '';
  }

  condition(rows: Rows, more: number): string {
    this.#outside.push(rows);
    const text = this.#condition(rows, more);
    this.#outside.pop();
    return text;
  }

  #condition(rows: Rows, more: number): string {
    const { tape } = this;
    const kind = tape.weighed({
      number: 4,
      state: rows.states.length ? 4 : 0,
      nulls: 1,
      constant: 1,
      either: 1,
      not: 1,
      exists: more > 0 ? 2 : 0,
      among: more > 0 ? 2 : 0,
      scalar: more > 0 ? 2 : 0,
    });
    switch (kind) {
      case 'number':
        return `${this.number(rows)} ${tape.pick(['>', '<>', '=', 'is distinct from'])} ${tape.int(3)}`;
      case 'state':
        return tape.pick([
          `${tape.pick(rows.states)} ${tape.pick(['=', '<>'])} 'paid'`,
          `${tape.pick(rows.states)} in ('new', 'void')`,
        ]);
      case 'nulls':
        return `${tape.pick([...rows.numbers, ...rows.states])} is ${tape.pick(['', 'not '])}null`;
      case 'constant': {
        const key = this.world.key.map(role => column(this.world.governed, role)?.type ?? '');
        const value = tape.pick(valuesOf(key[0] as string)).replaceAll("'", "''");
        return `${rows.key[0]} <> '${value}'`;
      }
      case 'either':
        return `(${this.condition(rows, 0)} or ${this.condition(rows, more)})`;
      case 'not':
        return `not (${this.condition(rows, more)})`;
      case 'exists':
        return `${tape.pick(['', 'not '])}exists (${this.correlated(rows, more - 1, tape.pick(['', '1', '*']))})`;
      case 'among':
        return `${this.list(rows.key)} in (${this.among(more - 1)})`;
      case 'scalar': {
        const inner = this.rows(more - 1);
        return `${this.number(rows)} ${tape.pick(['<>', 'is distinct from', '>'])} (select ${this.aggregate(inner)} from ${inner.from}${this.where(inner, more - 1, [this.link(inner, rows)])})`;
      }
    }
  }

  list(key: readonly string[]): string {
    return key.length === 1 ? (key[0] as string) : `(${key.join(', ')})`;
  }

  correlated(rows: Rows, more: number, what: string): string {
    const inner = this.rows(more);
    return `select ${what} from ${inner.from}${this.where(inner, more, [this.link(inner, rows)])}`;
  }

  /** Keys behind IN. */
  among(more: number): string {
    const rows = this.rows(more);
    const grouped = this.tape.chance(60) ? ` group by ${rows.key.join(', ')}${this.having(rows)}` : '';
    return `select ${rows.key.join(', ')} from ${rows.from}${this.where(rows, more)}${grouped}`;
  }

  having(rows: Rows): string {
    const { tape } = this;
    return tape.pick([
      '',
      ` having ${this.aggregate(rows)} ${tape.pick(['>', '<>', 'is distinct from'])} ${tape.int(3)}`,
    ]);
  }

  keys(rows: Rows): string {
    return rows.key.map((one, i) => `${one} as k${i}`).join(', ');
  }

  grouped(rows: Rows, more: number): string {
    const { tape } = this;
    const by = tape.chance(20) ? rows.key.map((_, i) => i + 1) : rows.key;
    return `select ${this.keys(rows)}, ${this.aggregate(rows)} as v from ${rows.from}${this.where(rows, more)} group by ${by.join(', ')}${this.having(rows)}`;
  }

  source(more: number): Source {
    const { tape } = this;
    const kind = tape.weighed({
      grouped: 5,
      plain: 3,
      distinct: 1,
      set: more > 0 ? 2 : 0,
      window: 1,
      on: 1,
      with: more > 0 ? 1 : 0,
    });
    const rows = this.rows(more);
    const list = `${this.keys(rows)}, ${this.number(rows)} as v`;
    switch (kind) {
      case 'grouped':
        return { sql: this.grouped(rows, more), unique: true };
      case 'plain':
        return { sql: `select ${list} from ${rows.from}${this.where(rows, more)}`, unique: false };
      case 'distinct':
        return { sql: `select distinct ${list} from ${rows.from}${this.where(rows, more)}`, unique: false };
      case 'set':
        return {
          sql: this.operation(
            tape.pick(['union', 'union all', 'except', 'intersect', 'except all']),
            more - 1,
          ),
          unique: false,
        };
      case 'window':
        return { sql: this.windowed(rows, more), unique: true };
      case 'on':
        return {
          sql: `select distinct on (${rows.key.join(', ')}) ${list} from ${rows.from}${this.where(rows, more)} order by ${[...rows.key, this.number(rows).replace(/.*/, 'v')].join(', ')}`,
          unique: true,
        };
      case 'with': {
        const name = tape.pick(['q', 'acct', 'r']);
        const body = this.source(more - 1);
        const inner = this.derived(undefined, name);
        return {
          sql: `with ${name} as ${tape.pick(['', 'materialized ', 'not materialized '])}(${body.sql}) ${this.grouped(inner, 0)}`,
          unique: true,
        };
      }
    }
  }

  operation(operator: string, more: number): string {
    return [0, 1].map(() => `(${this.source(more).sql})`).join(` ${operator} `);
  }

  /** The first row of each key by its number. */
  windowed(rows: Rows, more: number): string {
    const { tape } = this;
    const n = this.number(rows);
    const definition = `partition by ${rows.key.join(', ')} order by ${n}`;
    const named = tape.chance(30);
    const call = named ? 'row_number() over w' : `row_number() over (${definition})`;
    const inner = `select ${this.keys(rows)}, ${n} as v, ${call} as nth from ${rows.from}${this.where(rows, more)}${named ? ` window w as (${definition})` : ''}`;
    const alias = this.alias();
    return `select ${[...this.keyNames, 'v'].map(name => `${alias}.${name}`).join(', ')} from (${inner}) ${alias} where nth = 1`;
  }
}

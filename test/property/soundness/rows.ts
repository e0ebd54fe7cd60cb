import type { Tape } from '../tape.ts';
import { type Column, type Name, type Role, type World, column, keyIn, valuesOf } from './world.ts';

/** What stands behind FROM, and the expressions over it that give the key, numbers and states. */
export interface Rows {
  readonly from: string;
  readonly key: readonly string[];
  readonly numbers: readonly string[];
  readonly states: readonly string[];
}

/** A SELECT that gives the key as `k0`, `k1` …, and a number as `v`. */
export interface Source {
  readonly sql: string;
  /** At most one row a key. */
  readonly unique: boolean;
}

/** Writes the pieces that queries are made of. All of them lead from their rows to the key along equal columns. */
export class Pieces {
  readonly tape: Tape;
  readonly world: World;
  readonly views: string[] = [];
  /** Tables and views by their names as written; some by their schema too. */
  #aliases = 0;

  constructor(tape: Tape, world: World) {
    this.tape = tape;
    this.world = world;
  }

  alias(): string {
    const plain = `${this.tape.pick(['a', 'b', 'x'])}${this.#aliases++}`;
    return this.tape.chance(15) ? `"${plain}.T"` : plain;
  }

  /** `k0`, `k1` … */
  get keyNames(): string[] {
    return this.world.key.map((_, i) => `k${i}`);
  }

  table(name: Name): Rows {
    const { world, tape } = this;
    const table = world.tables[name];
    const alias = this.alias();
    const written = tape.chance(25) ? table.quoted : table.quoted.slice(table.quoted.indexOf('."') + 1);
    const say = (one: Column | undefined) => (one ? [`${alias}.${one.quoted}`] : []);
    const twin = (role: Role) => {
      const twins = table.columns.filter(one => one.role === role);
      return twins.length > 0 ? say(tape.pick(twins)) : [];
    };
    return {
      from: `${written} ${tape.pick(['', 'as '])}${alias}`,
      key: keyIn(world, table) ? world.key.flatMap(twin) : [],
      numbers: say(column(table, 'n')),
      states: say(column(table, 's')),
    };
  }

  get governed(): Rows {
    return this.table(this.world.key[0] === 'c' ? 'cust' : 'acct');
  }

  /** Rows that lead to the key over so many tables: 0 for those that hold it. */
  hops(n: number): Rows {
    const { tape, world } = this;
    if (world.key[0] === 'c') {
      if (n === 0) return this.table(tape.pick(['acct', 'entry', 'event']));
      const start = this.account(n - 1);
      return this.#onto(start, 'acct', start.account);
    }
    return this.account(n);
  }

  /** The same to an account, whose key columns stand in `account`. */
  account(n: number): Rows & { account: readonly string[] } {
    const { tape, world } = this;
    const account = (['k0', 'k1'] as Role[]).filter(role => column(world.tables.acct, role));
    const of = (rows: Rows, name: Name) =>
      account.map(role => `${aliasOf(rows)}.${column(world.tables[name], role)?.quoted}`);
    if (n === 0) {
      const name = tape.pick(['entry', 'hold', 'event'] as const);
      const rows = this.table(name);
      return { ...rows, account: of(rows, name) };
    }
    const entry = this.table('entry');
    const id = (rows: Rows, name: Name, role: Role) =>
      `${aliasOf(rows)}.${column(world.tables[name], role)?.quoted}`;
    const item = this.table('item');
    let from = `${entry.from} ${tape.pick(['join', 'left join'])} ${item.from} on ${this.equal([id(entry, 'entry', 'id')], [id(item, 'item', 'id')])}`;
    let numbers = [...item.numbers, ...entry.numbers];
    if (n > 1) {
      const part = this.table('part');
      from = `${part.from} ${tape.pick(['join', 'right join'])} (${from}) on ${this.equal([id(item, 'item', 'iid')], [id(part, 'part', 'iid')])}`;
      numbers = [...part.numbers, ...numbers];
    }
    return {
      from,
      key: entry.key,
      account: of(entry, 'entry'),
      numbers,
      states: [...item.states, ...entry.states],
    };
  }

  #onto(start: Rows, name: Name, account: readonly string[]): Rows {
    const { tape, world } = this;
    const end = this.table(name);
    const roles = (['k0', 'k1'] as Role[]).filter(role => column(world.tables.acct, role));
    const theirs = roles.map(role => `${aliasOf(end)}.${column(world.tables[name], role)?.quoted}`);
    const rest = {
      key: end.key,
      numbers: [...start.numbers, ...end.numbers],
      states: [...start.states, ...end.states],
    };
    return tape.chance(50)
      ? {
          from: `${end.from} ${tape.pick(['', 'left '])}join ${nested(start)} on ${this.equal(theirs, account)}`,
          ...rest,
        }
      : { from: `${start.from} join ${end.from} on ${this.equal(theirs, account)}`, ...rest };
  }

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
          from: `${a.from} ${side}join ${nested(b)} on ${this.equal(a.key, b.key)}`,
          key: side ? a.key : tape.pick([a.key, b.key]),
          numbers: [...a.numbers, ...b.numbers],
          states: [...a.states, ...b.states],
        };
      }
    }
  }

  derived(sql: string | undefined, view = ''): Rows {
    const alias = this.alias();
    const renamed = sql !== undefined && this.tape.chance(20);
    const names = renamed ? [...this.keyNames.map(name => `"${name} of"`), 'w'] : [...this.keyNames, 'v'];
    const said = names.map(name => `${alias}.${name}`);
    return {
      from: `${sql === undefined ? view : `(${sql})`} ${alias}${renamed ? ` (${names.join(', ')})` : ''}`,
      key: said.slice(0, -1),
      numbers: said.slice(-1),
      states: [],
    };
  }

  /** Conjuncts that set the columns equal, in one of the ways to say so. */
  equal(a: readonly string[], b: readonly string[]): string {
    const { tape } = this;
    const pairs = a.map((one, i) => (tape.chance(50) ? [one, b[i]] : [b[i], one]));
    if (pairs.length > 1 && tape.chance(25))
      return `(${pairs.map(([x]) => x).join(', ')}) = (${pairs.map(([, y]) => y).join(', ')})`;
    return pairs.map(([x, y]) => `${x} = ${y}`).join(' and ');
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
        return `${this.number(rows)} ${tape.pick(['<>', 'is distinct from', '>'])} (select ${this.aggregate(inner)} from ${inner.from}${this.where(inner, more - 1, [this.equal(inner.key, rows.key)])})`;
      }
    }
  }

  list(key: readonly string[]): string {
    return key.length === 1 ? (key[0] as string) : `(${key.join(', ')})`;
  }

  correlated(rows: Rows, more: number, what: string): string {
    const inner = this.rows(more);
    return `select ${what} from ${inner.from}${this.where(inner, more, [this.equal(inner.key, rows.key)])}`;
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

/** As one side of a join. */
export function nested({ from }: Rows): string {
  let depth = 0;
  for (const [word] of from.matchAll(/\(|\)|'[^']*'|"[^"]*"| join /g)) {
    if (word === '(') depth++;
    else if (word === ')') depth--;
    else if (word === ' join ' && depth === 0) return `(${from})`;
  }
  return from;
}

/** The alias at the end of a single table's FROM. */
const aliasOf = ({ from }: Rows): string => from.slice(from.lastIndexOf(' ') + 1);

import type { Tape } from '../tape.ts';
import { type Column, type Name, type Role, type World, column, keyIn } from './world.ts';

/** What stands behind FROM, and the expressions over it that give the key, numbers and states. */
export interface Rows {
  readonly from: string;
  readonly key: readonly string[];
  readonly numbers: readonly string[];
  readonly states: readonly string[];
  /** Columns by their roles, as far as they can be named. */
  readonly columns: Columns;
}
type Columns = Readonly<Partial<Record<Role, string>>>;

/** Names tables, and joins them so that their rows lead to the key. */
export class Tables {
  readonly tape: Tape;
  readonly world: World;
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
      columns: Object.fromEntries(table.columns.map(({ role, quoted }) => [role, `${alias}.${quoted}`])),
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
      columns: { ...item.columns, ...entry.columns },
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
      columns: { ...start.columns, ...end.columns },
    };
    return tape.chance(50)
      ? {
          from: `${end.from} ${tape.pick(['', 'left '])}join ${nested(start)} on ${this.equal(theirs, account)}`,
          ...rest,
        }
      : { from: `${start.from} join ${end.from} on ${this.equal(theirs, account)}`, ...rest };
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
      columns: Object.fromEntries(this.world.key.map((role, i) => [role, said[i]])),
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

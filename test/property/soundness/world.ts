import { quote } from '../../../src/db/pool.ts';
import type { Tape } from '../tape.ts';

/**
 * Random tables of a small bank: customers have accounts, accounts have entries, holds and events, entries have items,
 * items have parts. What is random: types, names, NULLs, keys, foreign keys and what they do, partitions, indexes. Few
 * distinct values, so that rows meet.
 */
export interface World {
  readonly schema: string;
  readonly tables: Readonly<Record<Name, Table>>;
  /** The table that the invariants govern: accounts, or customers. */
  readonly governed: Table;
  /** Roles of the key's columns. */
  readonly key: readonly Role[];
  /** Tables, functions and triggers aside. */
  readonly ddl: string;
  /** What is special about it, for the counts. */
  readonly traits: readonly string[];
}

export type Name = 'cust' | 'acct' | 'entry' | 'hold' | 'event' | 'item' | 'part';
/** Columns of one role can be compared. `k0`, `k1`: an account; `c`: a customer; `n`: a number; `s`: a state. */
export type Role = 'k0' | 'k1' | 'c' | 'id' | 'iid' | 'pid' | 'n' | 's';

export interface Table {
  readonly name: string;
  readonly quoted: string;
  readonly columns: readonly Column[];
  /** Roles of its primary key. */
  readonly primary: readonly Role[];
  readonly partitions: readonly string[];
}

export interface Column {
  readonly name: string;
  readonly quoted: string;
  readonly role: Role;
  readonly type: string;
  readonly generated: boolean;
}

export const column = (table: Table, role: Role): Column | undefined =>
  table.columns.find(one => one.role === role && !one.generated);

/** The columns in which a table holds the key; undefined: it doesn't. */
export const keyIn = (world: World, table: Table): readonly Column[] | undefined => {
  const found = world.key.map(role => column(table, role));
  return found.every(one => one !== undefined) ? found : undefined;
};

/** Of each kind the types that lead to each other; values as each of them prints them. */
const kinds: Readonly<Record<string, { types: readonly string[]; values: readonly string[] }>> = {
  int: { types: ['int', 'bigint', 'smallint', 'posint'], values: ['1', '2', '3', '4'] },
  text: { types: ['text', 'varchar(12)', 'word'], values: ['a', 'A', 'b c', ''] },
  numeric: { types: ['numeric(6,2)'], values: ['1.00', '2.50', '-3.00'] },
  uuid: { types: ['uuid'], values: [1, 2, 3].map(n => `0000000${n}-0000-0000-0000-000000000000`) },
  date: { types: ['date'], values: ['2026-01-01', '2026-01-02', '2026-01-03'] },
  mood: { types: ['mood'], values: ['sad', 'so so', 'happy'] },
  char: { types: ['char(3)'], values: ['a', 'b', 'abc'] },
  bool: { types: ['boolean'], values: ['true', 'false'] },
  time: { types: ['timestamptz(3)'], values: ['2026-01-01 00:00:00+00', '2026-01-01 00:00:00.5+00'] },
};

export const valuesOf = (type: string): readonly string[] => {
  const kind = Object.values(kinds).find(({ types }) => types.includes(type));
  return kind?.values ?? (type === 'state' ? ['new', 'paid', 'void'] : ['1', '2', '3']);
};

/** Types that the tables use; once a database. */
export const types = `
  create domain posint as int check (value >= 0);
  create domain word as text check (value <> 'none');
  create type mood as enum ('sad', 'so so', 'happy');
  create domain state as text;`;

const odd = ['Big', 'two words', 'a.b', 'q"q', 'select', 'ä', '$1', "it's"];

export function world(tape: Tape, schema: string): World {
  const traits: string[] = [];
  const trait = (name: string, percent: number) => {
    const has = tape.chance(percent);
    if (has) traits.push(name);
    return has;
  };
  const hostile = trait('hostile names', 35);
  const composite = trait('composite key', 35);
  const nullable = trait('nullable key', 20);
  const customers = trait('key of a parent', 30);
  const mixed = trait('types of one family', 40);
  const cascades = trait('cascades', 40);
  const generated = trait('generated column', 25);
  const name = (plain: string) => (hostile ? `${tape.pick(odd)} ${plain}` : plain);
  const kindOf = (composing: boolean) =>
    tape.pick(
      composing
        ? ['int', 'text', 'date', 'mood', 'char']
        : [...Object.keys(kinds), 'int', 'text', 'int', 'text'],
    );
  const kind: Readonly<Record<Role, string>> = {
    k0: kindOf(composite),
    k1: tape.pick(['int', 'text', 'bool']),
    c: kindOf(false),
    id: 'int',
    iid: 'int',
    pid: 'int',
    n: 'int',
    s: 'state',
  };
  if (customers ? ['posint', 'word'].includes(kind.c) : kind.k0 === 'word') traits.push('domain');
  const names = Object.fromEntries(Object.keys(kind).map(role => [role, name(role)])) as Record<Role, string>;
  const typeOf = (role: Role): string => {
    const list = kinds[kind[role]]?.types ?? ['state'];
    if (role === 'n') return tape.pick(['int', 'int', 'bigint']);
    return mixed ? tape.pick(list) : (list[0] as string);
  };
  const make = (
    plain: Name,
    roles: readonly Role[],
    primary: readonly Role[],
    extra: readonly Role[] = [],
  ): Table => {
    const columns = tape.shuffled(roles).map(role => ({
      name: names[role],
      quoted: quote(names[role]),
      role,
      type: typeOf(role),
      generated: false,
    }));
    const twins = extra.map(role => {
      const own = columns.find(one => one.role === role) as Column;
      return { ...own, name: `${own.name}_`, quoted: quote(`${own.name}_`), generated: true };
    });
    const called = name(plain);
    const parts = plain === 'event' ? ['a', 'b', 'rest'].map(one => `${called} ${one}`) : [];
    return {
      name: called,
      quoted: `${quote(schema)}.${quote(called)}`,
      columns: [...columns, ...twins],
      primary,
      partitions: parts,
    };
  };
  const account: Role[] = composite ? ['k0', 'k1'] : ['k0'];
  const tables: Record<Name, Table> = {
    cust: make('cust', ['c', 'n', 's'], customers && nullable ? [] : ['c']),
    acct: make('acct', [...account, 'c', 'n', 's'], !customers && nullable ? [] : account),
    entry: make(
      'entry',
      ['id', ...account, 'c', 'n', 's'],
      ['id'],
      generated ? [customers ? 'c' : 'k0'] : [],
    ),
    hold: make('hold', [...account, 'n', 's'], [...account, 's']),
    event: make('event', [...account, 'c', 'n', 's'], tape.chance(50) ? [...account, 's'] : []),
    item: make('item', ['iid', 'id', 'n', 's'], ['iid']),
    part: make('part', ['pid', 'iid', 'n'], tape.chance(50) ? ['pid'] : []),
  };
  const target: Role[] = customers ? ['c'] : account;
  const governed = customers ? tables.cust : tables.acct;
  const acts = () => tape.pick(['cascade', 'set null', 'no action']);
  const reference = (from: Table, to: Table, roles: readonly Role[]): string => {
    const same = roles.every(role => column(from, role)?.type === column(to, role)?.type);
    if (!cascades || to.primary.length === 0 || !same || tape.chance(40)) return '';
    const columns = (table: Table) => roles.map(role => column(table, role)?.quoted).join(', ');
    const gone = from.primary.some(role => roles.includes(role)) ? 'cascade' : acts();
    return `alter table ${from.quoted} add foreign key (${columns(from)}) references ${to.quoted} (${columns(to)}) on delete ${gone} on update cascade;`;
  };
  const references = [
    reference(tables.acct, tables.cust, ['c']),
    reference(tables.entry, tables.acct, account),
    reference(tables.hold, tables.acct, account),
    reference(tables.item, tables.entry, ['id']),
    reference(tables.part, tables.item, ['iid']),
  ];
  const unique = (table: Table, roles: readonly Role[]) =>
    `create unique index on ${table.quoted} (${roles.map(role => column(table, role)?.quoted).join(', ')});`;
  const ddl = [
    `create schema ${quote(schema)};`,
    ...Object.values(tables).map(table => create(tape, schema, table)),
    ...(governed.primary.length === 0 ? [unique(governed, target)] : []),
    ...references,
  ];
  return { schema, tables, governed, key: target, ddl: ddl.filter(Boolean).join('\n'), traits };
}

function create(tape: Tape, schema: string, { quoted, columns, primary, partitions }: Table): string {
  const list = (all: readonly Column[]) =>
    all.map(one => {
      const twin = one.generated
        ? columns.find(other => other.role === one.role && !other.generated)
        : undefined;
      const as = twin ? ` generated always as (${twin.quoted}) stored` : '';
      return `${one.quoted} ${one.type}${primary.includes(one.role) && !as ? ' not null' : ''}${as}`;
    });
  const of = (role: Role) => columns.find(one => one.role === role)?.quoted ?? '';
  const key = primary.length ? [`primary key (${primary.map(of).join(', ')})`] : [];
  const indexes = columns
    .filter(one => ['k0', 'c', 'id', 'iid'].includes(one.role) && tape.chance(50))
    .map(one => `create index on ${quoted} (${one.quoted});`);
  if (partitions.length === 0)
    return `create table ${quoted} (${[...list(columns), ...key].join(', ')});${indexes.join('')}`;
  const [a, b, rest] = partitions.map(one => `${quote(schema)}.${quote(one)}`);
  // The second partition has its columns in another order.
  return `create table ${quoted} (${[...list(columns), ...key].join(', ')}) partition by list (${of('s')});
    create table ${a} partition of ${quoted} for values in ('new');
    create table ${b} (gone int, ${list(columns.toReversed()).join(', ')});
    alter table ${b} drop column gone;
    alter table ${quoted} attach partition ${b} for values in ('paid', null);
    create table ${rest} partition of ${quoted} default;${indexes.join('')}`;
}

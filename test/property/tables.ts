import { quote } from '../../src/db/pool.ts';
import type { Tape } from './tape.ts';

/**
 * Random tables. The columns k, x and v stand in each of them, of types that can be compared with each other (not always
 * the same type), so that joins, NATURAL and USING find partners; few distinct values, so that rows meet; NULLs everywhere.
 */
export interface Column {
  readonly name: string;
  /** Columns of one group can be compared. */
  readonly group: Group;
  readonly type: string;
  readonly notNull: boolean;
}
export type Group = 'k' | 'x' | 'v' | 'e';

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  readonly ddl: string;
}

export interface World {
  /** The first is the governed one. */
  readonly tables: readonly Table[];
  readonly ddl: string;
  /** The type of each group where one has to be named. */
  readonly types: Readonly<Record<Group, string>>;
}

const kin: Readonly<Record<string, readonly string[]>> = {
  int: ['int', 'int', 'bigint', 'posint', 'numeric'],
  text: ['text', 'text', 'varchar(10)', 'word', 'char(3)'],
  uuid: ['uuid'],
  date: ['date', 'date', 'timestamp'],
  numeric: ['numeric', 'numeric', 'int'],
};
const exotic = ['text', 'int[]', 'jsonb', 'json', 'float8', 'timestamptz', 'numeric'];

const values: Readonly<Record<string, readonly string[]>> = {
  int: ['1', '2', '3', '0'],
  bigint: ['1', '2', '3', '0'],
  posint: ['1', '2', '3', '0'],
  numeric: ['1', '2', '3', '1.0', '2.50'],
  text: ['a', 'b', 'B', ''],
  'varchar(10)': ['a', 'b', 'B', ''],
  word: ['a', 'b', 'B', ''],
  'char(3)': ['a', 'b', 'B', ''],
  uuid: [1, 2, 3].map(n => `0000000${n}-0000-0000-0000-000000000000`),
  date: ['2026-01-01', '2026-01-02', '2026-01-03'],
  timestamp: ['2026-01-01', '2026-01-02', '2026-01-03', '2026-01-01 12:00'],
  'int[]': ['{}', '{1}', '{1,NULL}'],
  jsonb: ['{}', '1', '{"a":1}', 'null'],
  json: ['{}', '{ }', '{"a":1}', 'null'],
  float8: ['1', '0', '0.1', 'NaN'],
  timestamptz: ['2026-01-01 00:00:00+00', '2026-01-01 00:00:00.5+00'],
};

export const valuesOf = (type: string): readonly string[] => values[type] ?? [];

export const quoted = (value: string | null): string =>
  value === null ? 'null' : `'${value.replaceAll("'", "''")}'`;

/** Domains that the tables use; once a database. */
export const domains = `
  create domain posint as int check (value >= 0);
  create domain word as text check (value <> 'none');`;

export function world(tape: Tape): World {
  const k = tape.pick(Object.keys(kin));
  const x = tape.pick(Object.keys(kin));
  // Mostly one type a group: columns of different ones lead nowhere.
  const some = (types: readonly string[]) => (tape.chance(35) ? types : types.slice(0, 1));
  const kinOf: Record<Group, readonly string[]> = {
    k: some(kin[k] as string[]),
    x: some(kin[x] as string[]),
    v: some(['int', 'bigint', 'numeric']),
    e: [tape.pick(exotic)],
  };
  const tables = Array.from({ length: 2 + tape.int(3) }, (_, i) => table(tape, `t${i}`, kinOf, i === 0));
  return {
    tables,
    ddl: tables.map(one => one.ddl).join('\n'),
    types: { k, x, v: 'int', e: kinOf.e[0] as string },
  };
}

function table(tape: Tape, name: string, kinOf: Record<Group, readonly string[]>, governed: boolean): Table {
  const key = governed
    ? tape.pick([['k'], ['k', 'x'], ['x', 'k']])
    : tape.pick([[], ['k'], ['k', 'x'], ['x']]);
  // Where a person heals, the key needn't be one that the database knows of.
  const loose = governed && tape.chance(20);
  const groups: Group[] = governed || tape.chance(50) ? ['k', 'x', 'v', 'e'] : ['k', 'x', 'v'];
  const columns = tape.shuffled(groups).map(group => {
    const type = tape.pick(kinOf[group]);
    return { name: group, group, type, notNull: !loose && key.includes(group) };
  });
  const partition = tape.chance(20) ? (key[0] ?? 'k') : undefined;
  const list = [
    ...columns.map(one => `${one.name} ${one.type}${one.notNull ? ' not null' : ''}`),
    ...(key.length && !loose ? [`primary key (${key.join(', ')})`] : []),
  ];
  const ddl = [
    `create table ${name} (${list.join(', ')})${partition ? ` partition by hash (${partition})` : ''};`,
    ...(partition
      ? [0, 1].map(
          n => `create table ${name}_p${n} partition of ${name} for values with (modulus 2, remainder ${n});`,
        )
      : []),
    ...tape.some(['k', 'x'], 40).map(column => `create index on ${name} (${column});`),
  ];
  return { name, columns, key, ddl: ddl.join('\n') };
}

export type Row = Readonly<Record<string, string | null>>;

function row(tape: Tape, { columns }: Table): Row {
  return Object.fromEntries(
    columns.map(({ name, type, notNull }) => {
      const value = tape.pick(valuesOf(type));
      return [name, !notNull && tape.chance(20) ? null : value];
    }),
  );
}

function insert({ name, columns, key }: Table, rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const tuples = rows.map(one => `(${columns.map(column => quoted(one[column.name] ?? null)).join(', ')})`);
  const names = columns.map(column => quote(column.name)).join(', ');
  return `insert into ${name} (${names}) values ${tuples.join(', ')}${key.length ? ' on conflict do nothing' : ''};`;
}

export function fill(tape: Tape, { tables }: World): string {
  return tables
    .map(one =>
      insert(
        one,
        Array.from({ length: tape.int(7) }, () => row(tape, one)),
      ),
    )
    .join('\n');
}

/** One statement that changes some rows: inserts, updates (moves included) or deletes. */
export function change(tape: Tape, one: Table): string {
  const some = () => {
    const { name, type } = tape.pick(one.columns.filter(column => column.group !== 'e'));
    return `${name} ${tape.chance(20) ? 'is null' : `= ${quoted(tape.pick(valuesOf(type)))}`}`;
  };
  const kind = tape.weighed({ insert: 3, update: 4, delete: 2 });
  if (kind === 'insert')
    return insert(
      one,
      Array.from({ length: 1 + tape.int(2) }, () => row(tape, one)),
    );
  if (kind === 'delete') return `delete from ${one.name} where ${some()};`;
  // A key column may collide; then nothing is changed, and the next change has its turn.
  const targets = tape.shuffled(one.columns).slice(0, 1 + tape.int(2));
  const fresh = row(tape, one);
  return `update ${one.name} set ${targets
    .map(({ name }) => `${name} = ${quoted(fresh[name] ?? null)}`)
    .join(', ')} where ${some()};`;
}

import { type Tx, ask, quote } from '../db/pool.ts';
import type { Domains } from './domains.ts';
import { type Filler, type Row, insertOf } from './fill.ts';
import type { Random } from './random.ts';
import { type ColumnId, type Table, columnId } from './tables.ts';
import type { Terms } from './terms.ts';

/** What an application might do, in one statement. */
export interface Change {
  readonly kind: 'insert' | 'update' | 'move' | 'null' | 'delete' | 'empty a group' | 'witness';
  readonly table: string;
  /** For people. */
  readonly what: string;
  readonly text: string;
  readonly values: readonly (string | null)[];
  /** Time alone soon makes something else of it. */
  readonly fleeting: boolean;
  /** The row that is changed; undefined: several, or a new one. */
  readonly row: string | undefined;
}

interface Stored {
  /** The whole row as text: names it, where there may be no key. */
  readonly text: string;
  readonly row: Row;
}

/** Rows that are tried one after the other, at most. */
const mostRows = 4;
const mostValues = 10;
const inserts = 8;

/** What to try on one table; `terms`: the columns that matter. */
export async function changesOf(
  tx: Tx,
  table: Table,
  parts: {
    domains: Domains;
    filler: Filler;
    random: Random;
    terms: Pick<Terms, 'used'>;
    keys: ReadonlySet<string>;
  },
): Promise<Change[]> {
  const { domains, filler, random, terms, keys } = parts;
  const stored = await rowsOf(tx, table);
  const columns = table.relation.columns.filter(
    ({ name, generated }) => !generated && terms.used.has(columnId(table, name)),
  );
  const some = random.shuffled(stored).slice(0, mostRows);
  const linked = (name: string) =>
    keys.has(columnId(table, name)) || table.parents.some(key => key.columns.includes(name));
  const made: Change[] = [];
  for (const { name, notNull } of columns) {
    const id = columnId(table, name);
    const values = [
      ...domains.values(id).slice(0, mostValues),
      ...(linked(name) ? nobodys(domains, id) : []),
    ];
    for (const one of some) {
      const now = one.row[name] ?? null;
      const near =
        now !== null && /^-?\d{1,15}(\.\d+)?$/.test(now) && table.kinds.get(name)?.category === 'N'
          ? [String(Number(now) + 1), String(Number(now) - 1)]
          : [];
      const tried = [...(notNull ? [] : [null]), ...near, ...values].filter(value => value !== now);
      for (const value of new Set(tried)) {
        const kind = value === null ? 'null' : linked(name) ? 'move' : 'update';
        made.push(updateOf(table, one, { [name]: value }, kind));
      }
      for (const ms of domains.fleeting(id)) made.push(agedOf(table, one, name, ms));
    }
    if (linked(name))
      for (const value of new Set(stored.map(({ row }) => row[name])))
        if (typeof value === 'string') made.push(groupOf(table, name, value));
  }
  for (const one of some) made.push(deleteOf(table, one));
  for (let i = 0; i < inserts; i++)
    made.push(
      insertChange(
        table,
        filler.draw(
          table,
          stored.map(({ row }) => row),
        ),
        'insert',
      ),
    );
  return made;
}

/** A value that leads to no row. */
const nobodys = (domains: Domains, id: ColumnId): string[] => {
  const value = domains.nth(id, 40);
  return value === undefined ? [] : [value];
};

/**
 * A row that the schema allows and that meets a condition: existing ones are made like it, and one is added. Then the same with one column
 * changed: what stands beside a condition that is met decides.
 */
export async function witnessChanges(
  tx: Tx,
  table: Table,
  parts: { domains: Domains; filler: Filler },
  row: Row,
): Promise<Change[]> {
  const { domains, filler } = parts;
  const stored = await rowsOf(tx, table);
  const drawn = {
    ...filler.draw(
      table,
      stored.map(one => one.row),
    ),
    ...row,
  };
  const made = [
    ...stored.slice(0, mostRows).map(one => updateOf(table, one, row, 'witness')),
    insertChange(table, drawn, 'witness'),
  ];
  const [first] = stored;
  if (!first) return made;
  for (const { name, notNull } of table.relation.columns) {
    if (!(name in row)) continue;
    const id = columnId(table, name);
    for (const value of [...(notNull ? [] : [null]), ...domains.values(id).slice(0, mostValues)]) {
      if (value !== row[name]) made.push(updateOf(table, first, { ...row, [name]: value }, 'witness'));
    }
    for (const ms of domains.fleeting(id)) made.push(agedOf(table, first, name, ms, row));
  }
  return made;
}

async function rowsOf(tx: Tx, { relation }: Table): Promise<Stored[]> {
  const names = relation.columns.map(({ name }) => name);
  const list = names.map(name => `t.${quote(name)}::text`).join(', ');
  const rows = await ask(tx, `select t::text, ${list} from ${relation.quoted} t order by 1 limit 50`);
  return rows.map(([text, ...values]) => ({
    text: text ?? '',
    row: Object.fromEntries(names.map((name, i) => [name, values[i] ?? null])),
  }));
}

const rowAt = (table: Table, n: number): string =>
  `(tableoid, ctid) = (select tableoid, ctid from ${table.relation.quoted} t where t::text = $${n} limit 1)`;

function updateOf(table: Table, { text, row }: Stored, to: Row, kind: Change['kind']): Change {
  const list = sets(table, to);
  return {
    kind,
    table: table.relation.quoted,
    what: `update ${nameOf(table)} set ${shown(to)} where ${whichOf(table, row)}`,
    text: `update ${table.relation.quoted} set ${list.join(', ')} where ${rowAt(table, list.length + 1)}`,
    values: [...Object.values(to), text],
    fleeting: false,
    row: text,
  };
}

/** `"a" = $1::text::int`, in the order of the row. */
function sets({ relation }: Table, to: Row): string[] {
  const types = new Map(relation.columns.map(({ name, type }) => [name, type]));
  return Object.keys(to).map((name, i) => `${quote(name)} = $${i + 1}::text::${types.get(name)}`);
}

/** As old as that to the microsecond, while its transaction lasts. */
function agedOf(table: Table, { text, row }: Stored, name: string, ms: number, others: Row = {}): Change {
  const { quoted } = table.relation;
  const age = `now() - interval '${ms / 1000} seconds'`;
  const rest = Object.fromEntries(Object.entries(others).filter(([other]) => other !== name));
  const list = sets(table, rest);
  return {
    kind: 'update',
    table: quoted,
    what: `update ${nameOf(table)} set ${[...(list.length > 0 ? [shown(rest)] : []), `${name} = ${age}`].join(', ')} where ${whichOf(table, row)}`,
    text: `update ${quoted} set ${[...list, `${quote(name)} = ${age}`].join(', ')} where ${rowAt(table, list.length + 1)}`,
    values: [...Object.values(rest), text],
    fleeting: true,
    row: text,
  };
}

function deleteOf(table: Table, { text, row }: Stored): Change {
  const { quoted } = table.relation;
  const what = `delete from ${nameOf(table)} where ${whichOf(table, row)}`;
  return {
    kind: 'delete',
    table: quoted,
    what,
    text: `delete from ${quoted} where ${rowAt(table, 1)}`,
    values: [text],
    fleeting: false,
    row: text,
  };
}

function groupOf(table: Table, name: string, value: string): Change {
  const { quoted } = table.relation;
  const what = `delete from ${nameOf(table)} where ${shown({ [name]: value })}`;
  const text = `delete from ${quoted} where ${quote(name)}::text = $1`;
  return {
    kind: 'empty a group',
    table: quoted,
    what,
    text,
    values: [value],
    fleeting: false,
    row: undefined,
  };
}

function insertChange(table: Table, row: Row, kind: Change['kind']): Change {
  const what = `insert into ${nameOf(table)} (${shown(row)})`;
  return {
    kind,
    table: table.relation.quoted,
    what,
    ...insertOf(table, row),
    fleeting: false,
    row: undefined,
  };
}

const nameOf = ({ relation: { schema, name } }: Table): string =>
  schema === 'public' ? name : `${schema}.${name}`;

const shown = (row: Row): string =>
  Object.entries(row)
    .map(([name, value]) => `${name} = ${value ?? 'NULL'}`)
    .join(', ');

/** By its key where it has one. */
function whichOf({ relation }: Table, row: Row): string {
  const key =
    relation.indexes.find(({ primary }) => primary)?.columns ??
    relation.columns.slice(0, 3).map(({ name }) => name);
  return key.map(name => `${name} = ${row[name] ?? 'NULL'}`).join(' and ');
}

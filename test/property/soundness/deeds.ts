import type { Tape } from '../tape.ts';
import { type Column, type Table, type World, valuesOf } from './world.ts';

/** Random statements of an application: most of them move, empty or remove rows that belong to a key. */

const literal = (value: string | null): string =>
  value === null ? 'null' : `'${value.replaceAll("'", "''")}'`;

function value(tape: Tape, table: Table, one: Column): string {
  const { role, type } = one;
  const never = table.primary.includes(role);
  if (!never && tape.chance(12)) return 'null';
  if (['id', 'iid', 'pid'].includes(role)) return String(1 + tape.int(type === 'smallint' ? 12 : 14));
  return literal(tape.pick(valuesOf(type)));
}

const given = (table: Table) => table.columns.filter(one => !one.generated);

function insert(tape: Tape, table: Table, rows: number): string {
  const columns = given(table);
  const tuples = Array.from(
    { length: rows },
    () => `(${columns.map(one => value(tape, table, one)).join(', ')})`,
  );
  const keys = table.primary.map(role => columns.find(one => one.role === role)?.quoted);
  const others = columns.filter(one => !table.primary.includes(one.role));
  const update = keys.length > 0 && others.length > 0 && rows === 1 && tape.chance(50);
  const { quoted } = update ? tape.pick(others) : { quoted: '' };
  const action = update ? `(${keys.join(', ')}) do update set ${quoted} = excluded.${quoted}` : 'do nothing';
  return `insert into ${table.quoted} (${columns.map(one => one.quoted).join(', ')}) values ${tuples.join(', ')} on conflict ${action}`;
}

/** What a world begins with. */
export function fill(tape: Tape, world: World): string {
  const { cust, acct, ...others } = world.tables;
  return [cust, acct, ...Object.values(others)]
    .flatMap((table, i) =>
      Array.from({ length: (i < 2 ? 4 : 4) + tape.int(5) }, () => insert(tape, table, 1)),
    )
    .join(';\n');
}

function some(tape: Tape, table: Table, prefix = ''): string {
  const one = tape.pick(given(table));
  const all = valuesOf(one.type);
  return tape.pick([
    `${prefix}${one.quoted} = ${value(tape, table, one)}`,
    `${prefix}${one.quoted} = ${literal(tape.pick(all))}`,
    `${prefix}${one.quoted} is null`,
    `${prefix}${one.quoted} <> ${literal(tape.pick(all))} and ${some0(tape, table, prefix)}`,
  ]);
}

const some0 = (tape: Tape, table: Table, prefix: string): string => {
  const one = tape.pick(given(table));
  return `${prefix}${one.quoted} = ${value(tape, table, one)}`;
};

export function deed(tape: Tape, world: World): string {
  const tables = Object.values(world.tables);
  const table = tape.pick(tables);
  const columns = given(table);
  const sets = (count: number) =>
    tape
      .shuffled(columns)
      .slice(0, count)
      .map(
        one =>
          `${one.quoted} = ${one.role === 'n' && tape.chance(40) ? `t.${one.quoted} + 1` : value(tape, table, one)}`,
      )
      .join(', ');
  const kind = tape.weighed({
    insert: 8,
    update: 10,
    delete: 5,
    from: 2,
    moved: 2,
    merge: 1,
    using: 1,
    truncate: table.name === world.governed.name ? 0 : 1,
  });
  switch (kind) {
    case 'insert':
      return insert(tape, table, tape.pick([1, 1, 2, 3]));
    case 'update':
      return `update ${table.quoted} t set ${sets(1 + tape.int(2))} where ${some(tape, table, 't.')}`;
    case 'delete':
      return `delete from ${table.quoted} where ${some(tape, table)}`;
    case 'from': {
      const role = tape.pick(columns).role;
      const other =
        tape.pick(tables.filter(one => one !== table && one.columns.some(two => two.role === role))) ?? table;
      const mine = columns.find(one => one.role === role);
      const theirs = other.columns.find(one => one.role === role);
      if (!mine || !theirs) return `update ${table.quoted} t set ${sets(1)} where ${some(tape, table)}`;
      return `update ${table.quoted} t set ${sets(1)} from ${other.quoted} o where t.${mine.quoted} = o.${theirs.quoted} and ${some(tape, other, 'o.')}`;
    }
    case 'using': {
      const { entry, item } = world.tables;
      const [a, b] = [entry, item].map(one => one.columns.find(two => two.role === 'id')?.quoted);
      return `delete from ${item.quoted} i using ${entry.quoted} e where i.${b} = e.${a} and ${some(tape, entry, 'e.')}`;
    }
    case 'moved': {
      const { entry, hold } = world.tables;
      const shared = given(hold).flatMap(one => {
        const other = given(entry).find(two => two.role === one.role);
        return other ? [[one.quoted, other.quoted] as const] : [];
      });
      return `with d as (delete from ${entry.quoted} where ${some(tape, entry)} returning *)
        insert into ${hold.quoted} (${shared.map(([to]) => to).join(', ')}) select ${shared.map(([, from]) => from).join(', ')} from d on conflict do nothing`;
    }
    case 'merge': {
      const { entry } = world.tables;
      const own = given(entry);
      const id = own.find(one => one.role === 'id')?.quoted;
      return `merge into ${entry.quoted} t using (select ${1 + tape.int(12)} as id) s on t.${id} = s.id
        when matched and ${some(tape, entry, 't.')} then delete
        when matched then update set ${tape
          .shuffled(own)
          .slice(0, 1)
          .map(one => `${one.quoted} = ${value(tape, entry, one)}`)
          .join()}
        when not matched then insert (${own.map(one => one.quoted).join(', ')}) values (${own.map(one => (one.role === 'id' ? 's.id' : value(tape, entry, one))).join(', ')})`;
    }
    case 'truncate':
      // Rare: behind it everything is asked.
      return tape.chance(12)
        ? `truncate ${table.quoted} cascade`
        : `delete from ${table.quoted} where ${some(tape, table)}`;
  }
}

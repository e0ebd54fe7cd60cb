import type { Bound } from '../../../ask/bind.ts';
import { ask, quote } from '../../../db/pool.ts';
import { asWritten } from '../../comparison.ts';
import { literal } from '../../expression.ts';
import { possible } from '../../prove.ts';
import { type Table, readTable } from '../../table.ts';
import { isNull } from '../assignment.ts';
import type { Folder } from '../folder.ts';
import type { Group } from '../group.ts';
import { firstLine, targetsOf, written } from '../piece.ts';
import { type Found, type HealRule, found } from '../rule.ts';
import { foreign, unique } from './foreign.ts';

/** A heal that the schema refuses: it is tried, rolled back, tried again, and parked. */
export const rejected: HealRule = {
  id: 'EK401',
  name: 'heal-rejected',
  async find(folder) {
    const all: Found[] = [];
    for (const bound of folder.bounds) {
      const table = await readTable(folder.tx, bound.table.quoted);
      if (!table) continue;
      const always = [...(await constants(folder, bound, table)), ...(await missing(folder, bound))];
      const group = folder.groups.find(({ members }) => members.some(({ name }) => name === bound.name));
      all.push(
        ...always,
        ...(always.length === 0 && group ? tried(group, bound) : []),
        ...(await foreign(folder, bound)),
        ...(await unique(folder, bound)),
      );
    }
    return all;
  },
};

function tried(group: Group, bound: Bound): Found[] {
  const by = group.members.findIndex(({ name }) => name === bound.name);
  const { table, sets } = group.members[by] ?? {};
  const { model, judgement } = group.shown ?? {};
  const one = judgement?.rejected.find(failing => failing.by === by);
  if (one && model && table && sets) {
    const grounds = [
      ...table.checks
        .filter(({ columns }) => columns.some(name => sets.has(name)))
        .map(check => `${check.name} ${check.definition}`),
      ...[...sets.keys()]
        .filter(name => table.columns.get(name)?.nullable === false)
        .map(name => `${name} NOT NULL`),
    ];
    const whole = one.always && group.doubt === undefined;
    const message = whole
      ? 'the schema refuses what this heal writes, whatever the row'
      : 'the schema refuses what this heal writes to some rows';
    const row = model.row(one.row);
    return [
      found(bound, written(bound), whole ? 'error' : 'warning', message, { by: grounds, witness: row }),
    ];
  }
  if (group.proof?.judgement.rejected.some(failing => failing.by === by)) {
    const message =
      'whether the schema takes what this heal writes depends on conditions that could not be tried';
    return [found(bound, written(bound), 'undecided', message)];
  }
  return [];
}

/** Constants that no row can hold, whatever the rest of it. */
async function constants({ tx }: Folder, bound: Bound, table: Table): Promise<Found[]> {
  const targets = targetsOf(bound.invariant.sql);
  const parts: { text: string; name: string }[] = [];
  for (const { name, base } of bound.sets) {
    const value = targets.find(one => one.name === name)?.value;
    const text = literal(value);
    const column = table.columns.get(name);
    if (!value || !column) continue;
    const piece = written(bound, [name]);
    if (column.kind === 'enum' && text !== undefined && !column.labels.includes(text)) {
      const by = [`${name} ${column.type} (${column.labels.join(', ')})`];
      return [found(bound, piece, 'error', `'${text}' is no value of ${column.type}`, { by })];
    }
    if (isNull(value)) {
      if (!column.nullable || column.required)
        return [found(bound, piece, 'error', `${name} can't be NULL`, { by: [`${name} NOT NULL`] })];
      parts.push({ text: `${quote(name)} is null`, name });
    } else if (text !== undefined && (column.kind !== 'text' || asWritten(value))) {
      // As the heal casts it: on the way to the column its type may round or cut it.
      parts.push({ text: `${quote(name)} = '${text.replaceAll("'", "''")}'::${base}`, name });
    }
  }
  if (parts.length === 0) return [];
  const verdict = await possible(tx, { table, alias: 't', parts: parts.map(({ text }) => text) });
  if (verdict.is !== 'proved') return [];
  const names = parts.map(({ name }) => name);
  const message = 'the schema refuses what this heal writes, whatever the row';
  return [found(bound, written(bound, names), 'error', message, { by: verdict.by })];
}

/** Columns that an insert leaves out although they have to be given. */
async function missing({ tx }: Folder, bound: Bound): Promise<Found[]> {
  const { invariant, table, key, columns, appends } = bound;
  const inserts = invariant.heal.some(remedy => remedy.do === 'insert');
  const all = [
    ...(inserts
      ? [{ table, given: [...key.map(({ name }) => name), ...columns.map(({ name }) => name)] }]
      : []),
    ...appends.map(append => ({ table: append.table, given: append.remedy.columns })),
  ];
  const lacking: Found[] = [];
  for (const { table: into, given } of all) {
    const rows = await ask(
      tx,
      `select a.attname, exists (select from pg_trigger t where t.tgrelid = a.attrelid and not t.tgisinternal
                and t.tgenabled <> 'D' and t.tgtype & 7 = 7)
         from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and (a.attnotnull or t.typnotnull)
          and not a.atthasdef and a.attidentity = '' and t.typdefault is null and a.attname <> all($2::text[])
        order by a.attnum`,
      [into.oid, given],
    );
    const [row] = rows;
    if (!row) continue;
    const names = rows.map(([name]) => name ?? '');
    const where = firstLine(invariant.sql);
    if (row[1] === 't') {
      const message = `whether a trigger fills ${names.join(', ')} of ${into.quoted}, which must be given, is not known`;
      lacking.push(found(bound, where, 'undecided', message));
    } else {
      const message = `a row of ${into.quoted} can't be inserted without ${names.join(', ')}`;
      const by = names.map(name => `${name} NOT NULL, without a default`);
      lacking.push(
        found(bound, where, 'error', message, { by, fix: `add ${names.join(', ')} to the result` }),
      );
    }
  }
  return lacking;
}

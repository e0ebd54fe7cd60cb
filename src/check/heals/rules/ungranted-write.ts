import { type Relation, readRelations } from '../../../catalog/relation.ts';
import { type Tx, ask, quote } from '../../../db/pool.ts';
import type { Bound } from '../../../ask/bind.ts';
import { acts, cascades } from '../flow.ts';
import { firstLine, written } from '../piece.ts';
import { type Found, type HealRule, found } from '../rule.ts';
import { list } from '../show.ts';

/** Writes that this role may not do, or that the invariant doesn't declare: such a heal is refused, or rolled back. */
export const ungrantedWrite: HealRule = {
  id: 'EK501',
  name: 'ungranted-write',
  async find({ tx, bounds }) {
    const all: Found[] = [];
    for (const bound of bounds.filter(acts)) {
      const piece = bound.sets.length > 0 ? written(bound) : firstLine(bound.invariant.sql);
      const lacking = await refused(tx, await rights(tx, bound));
      if (lacking.length > 0) {
        const role = (await ask(tx, 'select current_user'))[0]?.[0] ?? '';
        const message = `the role ${role} may not do what this heal does`;
        const by = lacking.map(({ right, on, columns }) => `no ${right} on ${named(on, columns)}`);
        const fix = lacking
          .map(
            ({ right, on, columns }) =>
              `grant ${right}${columns ? ` (${columns.map(quote).join(', ')})` : ''} on ${on} to ${quote(role)};`,
          )
          .join(' ');
        all.push(found(bound, piece, 'warning', message, { by, fix }));
      }
      all.push(
        ...(await undeclared(tx, bound)).map(message => ({ ...found(bound, piece, 'warning', message) })),
      );
      all.push(...(await unseen(tx, bound)).map(message => found(bound, piece, 'undecided', message)));
    }
    return all;
  },
};

interface Right {
  readonly right: 'select' | 'update' | 'insert' | 'delete' | 'usage';
  /** A table, or a sequence. */
  readonly on: string;
  readonly columns?: readonly string[];
}

const named = (on: string, columns: readonly string[] | undefined): string =>
  `${on}${columns ? ` (${list(columns)})` : ''}`;

async function rights(tx: Tx, bound: Bound): Promise<Right[]> {
  const { invariant, table, key, columns, sets, appends, touches } = bound;
  const does = (verb: string) => invariant.heal.some(remedy => remedy.do === verb);
  const own = columns.flatMap(({ own }) => (own ? [own.name] : []));
  // A row is locked before it is written, and that takes UPDATE on some column.
  const locked = sets.length > 0 ? sets.map(({ name }) => name) : [own[0] ?? key[0]?.name ?? ''];
  const inserted: { table: Relation; columns: readonly string[] }[] = [
    ...(does('insert') ? [{ table, columns: [...key.map(({ name }) => name), ...own] }] : []),
    ...appends.map(append => ({ table: append.table, columns: append.remedy.columns })),
  ];
  const sequences = await ask(
    tx,
    `select distinct a.adrelid::int8, d.refobjid::regclass::text
       from pg_attrdef a
       join pg_attribute c on c.attrelid = a.adrelid and c.attnum = a.adnum
       join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = a.oid and d.refclassid = 'pg_class'::regclass
       join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
      where a.adrelid = any($1::oid[])`,
    [inserted.map(one => one.table.oid)],
  );
  return [
    { right: 'update', on: table.quoted, columns: locked },
    ...inserted.map((one): Right => ({ right: 'insert', on: one.table.quoted, columns: one.columns })),
    ...sequences.map(([, name]): Right => ({ right: 'usage', on: `sequence ${name}` })),
    ...(does('remove') ? [{ right: 'delete' as const, on: table.quoted }] : []),
    // What a cascade does, it does as the owner of the table; but what it did is read, to be journaled and undone.
    ...touches.map((one): Right => ({ right: 'select', on: one.quoted })),
  ];
}

async function refused(tx: Tx, needed: readonly Right[]): Promise<Right[]> {
  const lacking: Right[] = [];
  for (const need of needed) {
    const { right, on, columns } = need;
    if (on.startsWith('sequence ')) {
      const [row] = await ask(
        tx,
        `select has_sequence_privilege($1, 'usage') or has_sequence_privilege($1, 'update')`,
        [on.slice('sequence '.length)],
      );
      if (row?.[0] === 'f') lacking.push(need);
    } else if (columns) {
      const rows = await ask(
        tx,
        'select name from unnest($3::text[]) name where not has_column_privilege($1, name, $2)',
        [on, right, columns],
      );
      if (rows.length > 0) lacking.push({ ...need, columns: rows.map(([name]) => name ?? '') });
    } else {
      const [row] = await ask(tx, 'select has_table_privilege($1, $2)', [on, right]);
      if (row?.[0] === 'f') lacking.push(need);
    }
  }
  return lacking;
}

/** Cascades into tables that `touches` doesn't name: the heal is rolled back where there are such rows. */
async function undeclared(tx: Tx, { invariant, table, touches, sets }: Bound): Promise<string[]> {
  const removes = invariant.heal.some(remedy => remedy.do === 'remove');
  const names = sets.map(({ name }) => name);
  const moved = await ask(
    tx,
    `select distinct conrelid::int8 from pg_constraint
      where confrelid = $1 and contype = 'f' and confupdtype in ('c', 'n', 'd') and conparentid = 0
        and exists (select from pg_attribute a where a.attrelid = confrelid and a.attnum = any(confkey) and a.attname = any($2))`,
    [table.oid, names],
  );
  const reached = [
    ...(removes ? await cascades(tx, table) : []),
    ...(
      await readRelations(
        tx,
        moved.map(([oid]) => oid ?? ''),
      )
    ).values(),
  ];
  const left = [...new Map(reached.map(one => [one.oid, one])).values()].filter(
    one => one.oid !== table.oid && !touches.some(({ oid }) => oid === one.oid),
  );
  return left.length > 0
    ? [
        `a cascade of this heal writes ${list(left.map(({ quoted }) => quoted))}, which \`touches\` doesn't name: then it is rolled back`,
      ]
    : [];
}

/** Triggers whose writes nobody can read off the catalog, where nothing is declared. */
async function unseen(tx: Tx, { invariant, table, touches, sets, appends }: Bound): Promise<string[]> {
  if (touches.length > 0) return [];
  const does = (verb: string) => invariant.heal.some(remedy => remedy.do === verb);
  const events = (sets.length > 0 ? 16 : 0) | (does('remove') ? 8 : 0) | (does('insert') ? 4 : 0);
  const rows = await ask(
    tx,
    `select t.tgname, t.tgrelid::regclass::text from pg_trigger t join pg_proc p on p.oid = t.tgfoid
      where not t.tgisinternal and t.tgenabled <> 'D' and p.pronamespace <> coalesce(to_regnamespace('evenkeel')::oid, 0)
        and (t.tgrelid = $1 and t.tgtype & $2::int <> 0 or t.tgrelid = any($3::oid[]) and t.tgtype & 4 = 4)
        and (t.tgtype & 16 = 0 or t.tgtype & $2::int & 12 <> 0 or cardinality(t.tgattr::int2[]) = 0
             or array(select a.attname::text from pg_attribute a where a.attrelid = t.tgrelid and a.attnum = any(t.tgattr::int2[])) && $4::text[])
        and p.prosrc ~* '\\m(insert|update|delete|merge|execute|perform|call|select)\\M'
      order by 1`,
    [table.oid, events, appends.map(append => append.table.oid), sets.map(({ name }) => name)],
  );
  return rows.map(
    ([name, on]) =>
      `what the trigger ${name} of ${on} writes is not known; if it writes other tables, name them in \`touches\``,
  );
}

import { writes } from '../declare/remedy.ts';
import {
  type Column,
  type Relation,
  columnOf,
  primaryKey,
  readRelations,
  resolve,
} from '../catalog/relation.ts';
import { type Tx, quote } from '../db/pool.ts';
import { guess as closest } from '../declare/guess.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import { explain } from './mistake.ts';

/** What an invariant's names stand for in the database; each that stands for nothing is an error with a guess. */

export async function governed(tx: Tx, invariant: Invariant): Promise<Relation> {
  const table = await relationNamed(tx, invariant, invariant.on.table);
  if (table.hidden) {
    throw new EvenkeelError(
      'row-security',
      `row-level security hides rows of ${table.quoted} from this role`,
      {
        place: invariant.place,
      },
    );
  }
  if (invariant.heal.some(writes) && !['r', 'p'].includes(table.kind)) {
    throw new EvenkeelError('not-writable', `${table.quoted} is not a table, so its rows can't be healed`, {
      place: invariant.place,
    });
  }
  return table;
}

export function keyColumns(invariant: Invariant, table: Relation): Column[] {
  const names = invariant.key ?? primaryKey(table);
  if (!names) {
    throw new EvenkeelError('no-key', `${table.quoted} has no primary key`, { place: invariant.place });
  }
  return names.map(name => existing(invariant, table, name));
}

/** A column of the table. @throws unknown-column */
export function existing(invariant: Invariant, table: Relation, name: string): Column {
  const column = columnOf(table, name);
  if (column) return column;
  const guess = closest(
    name,
    table.columns.map(one => one.name),
  );
  throw new EvenkeelError(
    'unknown-column',
    `${table.quoted} has no column ${quote(name)}${guess ? `; did you mean ${quote(guess)}?` : ''}`,
    { place: invariant.place },
  );
}

export async function touched(tx: Tx, invariant: Invariant): Promise<Relation[]> {
  const found: Relation[] = [];
  for (const name of invariant.touches) found.push(await relationNamed(tx, invariant, name));
  return found;
}

/** A table by the name that the invariant gives it. @throws unknown-table */
export async function relationNamed(tx: Tx, invariant: Invariant, name: string): Promise<Relation> {
  const oid = await resolve(tx, name).catch(error => {
    throw explain(error, invariant);
  });
  const relation = oid === undefined ? undefined : (await readRelations(tx, [oid])).get(oid);
  if (relation) return relation;
  const { rows } = await tx.query<{ name: string }>(
    `select relname as name from pg_class where relkind in ('r', 'p', 'v') and relnamespace::regnamespace::text !~ '^pg_'`,
  );
  const guess = closest(
    name,
    rows.map(row => row.name),
  );
  throw new EvenkeelError(
    'unknown-table',
    `there is no table ${name}${guess ? `; did you mean ${guess}?` : ''}`,
    {
      place: invariant.place,
    },
  );
}

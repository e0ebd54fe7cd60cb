import type { Column } from '../catalog/relation.ts';
import { type Tx, ask, quote } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import { sameEquality } from '../watch/scope/graph.ts';
import { explain } from './mistake.ts';

/** A column of the query's result. */
export interface Result {
  readonly name: string;
  readonly family: number;
  /** As format_type prints it. */
  readonly type: string;
}

/** The result's columns, as Postgres sees them. */
export async function resultColumns(tx: Tx, invariant: Invariant): Promise<Result[]> {
  let results: Result[];
  try {
    const { fields } = await tx.query(`select * from (\n${invariant.sql}\n) w limit 0`);
    const types = await ask(
      tx,
      'select format_type(o, m) from unnest($1::oid[], $2::int[]) with ordinality t(o, m, n) order by n',
      [fields.map(field => field.dataTypeID), fields.map(field => field.dataTypeModifier)],
    );
    results = fields.map(({ name, dataTypeID }, i) => ({
      name,
      family: dataTypeID,
      type: types[i]?.[0] ?? '',
    }));
  } catch (error) {
    throw explain(error, invariant);
  }
  const names = results.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new EvenkeelError('bad-sql', `two columns of the result are named ${quote(twice)}`, {
      place: invariant.place,
    });
  }
  return results;
}

/** Comparing the two as they are, and comparing after a cast, is the same; where it isn't, casting costs the index. */
export function alike(column: Column, result: Result | undefined): boolean {
  if (!result || !sameEquality(column.family, result.family)) return false;
  // numeric(10,2) and timestamp(0) round; a text that is too long for varchar(10) equals none of its values.
  const rounds = column.base.includes('(') && ![1042, 1043].includes(column.family);
  return !rounds || result.type === column.base;
}

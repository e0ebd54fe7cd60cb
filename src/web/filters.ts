import type { Pool } from '../db/pool.ts';
import { unknownInvariant } from '../find/overview.ts';
import { timeOf } from '../journal/since.ts';
import { BadRequest } from './trouble.ts';

/** What stands in an address, or a form, read with care: what can't be meant is a 400 that says why. */
export function numberOf(query: URLSearchParams, name: string): string | undefined {
  const value = given(query, name)?.replace(/^#/, '');
  if (value === undefined || /^[1-9]\d{0,17}$/.test(value)) return value;
  throw new BadRequest(`${name}=${value}: expected the number of an entry or a violation`);
}

/** One, not empty; undefined: not given. */
export function given(query: URLSearchParams, name: string): string | undefined {
  const all = query.getAll(name);
  if (all.length > 1) throw new BadRequest(`${name} is given ${all.length} times`);
  const value = all[0]?.trim() ?? '';
  if (value.includes('\0')) throw new BadRequest(`${name} holds a character that no text has in Postgres`);
  return value === '' ? undefined : value;
}

export function oneOf<Word extends string>(
  query: URLSearchParams,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const value = given(query, name);
  if (value === undefined) return undefined;
  const found = words.find(word => word === value);
  if (found) return found;
  throw new BadRequest(`${name}=${value}: expected ${words.join(', ')}`);
}

export async function moment(pool: Pool, query: URLSearchParams, name: string): Promise<Date | undefined> {
  const value = given(query, name);
  if (value === undefined) return undefined;
  const at = await timeOf(pool, value);
  if (at) return at;
  throw new BadRequest(
    `${name}=${value}: expected a time span such as 15m or 3d, or a date such as 2026-11-23 14:00`,
  );
}

/** @throws no-such */
export async function invariantOf(pool: Pool, name: string | undefined): Promise<string | undefined> {
  if (name === undefined) return undefined;
  const { rowCount } = await pool.query('select from evenkeel.invariant where name = $1', [name]);
  if (!rowCount) throw await unknownInvariant(pool, name);
  return name;
}

/** Ids that were chosen in a form. */
export function chosen(form: URLSearchParams, name: string): string[] {
  const ids = form.getAll(name);
  const odd = ids.find(id => !/^[1-9]\d{0,17}$/.test(id));
  if (odd !== undefined) throw new BadRequest(`'${odd}' is no number of this list`);
  if (ids.length > mostChosen) throw new BadRequest(`${ids.length} at once are too many`);
  return [...new Set(ids)];
}
const mostChosen = 1_000;

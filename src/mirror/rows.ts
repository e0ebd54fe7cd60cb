import { Failed } from '../call/errand.ts';
import type { Column } from '../catalog/relation.ts';
import { type Key, keyId, valuesOf } from '../ask/ask.ts';
import { Fault } from '../declare/fault.ts';
import type { Page, Row, RowKey } from '../declare/from.ts';
import { type Literal, literal } from '../declare/literal.ts';
import { what } from '../declare/sql.ts';

/** A row of another system as column text. */
export interface TextRow {
  readonly key: Key;
  readonly values: readonly (string | null)[];
}

/** @throws Failed where what `list` returned is no page */
export function pageOf(given: unknown): Page {
  const { rows, next } = (given ?? {}) as Page;
  if (!Array.isArray(rows)) throw new Failed(`list returned ${what(given)}, not { rows, next }`, true);
  if (next !== undefined && next !== null && typeof next !== 'string')
    throw new Failed(`list returned ${what(next)} as next, not a string`, true);
  return { rows: rows as readonly Row[], next };
}

/**
 * Rows as they are stored; others than these columns are nobody's business.
 * @throws Failed where one lacks a column, isn't a row, or has the key of another
 */
export function textRows(given: unknown, key: readonly string[], columns: readonly string[]): TextRow[] {
  if (!Array.isArray(given)) throw new Failed(`get returned ${what(given)}, not an array of rows`, true);
  const seen = new Set<string>();
  return given.map((row: unknown) => {
    if (typeof row !== 'object' || row === null || Array.isArray(row))
      throw new Failed(`it returned ${what(row)} as a row`, true);
    const text = (name: string): string | null => {
      const value = (row as Readonly<Record<string, Literal | undefined>>)[name];
      if (value === undefined) throw new Failed(`it returned a row without ${name}`, true);
      try {
        return literal(name, value);
      } catch (error) {
        if (error instanceof Fault) throw new Failed(error.message.replace(/^set: /, ''), true);
        throw error;
      }
    };
    const one = { key: key.map(text), values: columns.map(text) };
    if (one.key.includes(null)) throw new Failed('it returned a row whose key is null', true);
    const id = keyId(one.key);
    if (seen.has(id)) throw new Failed('it returned two rows with the same key', true);
    seen.add(id);
    return one;
  });
}

/** @throws Failed where one of the rows was not asked for */
export function requireAsked(rows: readonly TextRow[], keys: readonly Key[]): void {
  const asked = new Set(keys.map(keyId));
  if (rows.some(({ key }) => !asked.has(keyId(key))))
    throw new Failed(
      'it returned a row with a key that it was not asked for, or that it spells otherwise',
      true,
    );
}

/** Those of the keys that no row has. */
export function absent(keys: readonly Key[], rows: readonly TextRow[]): Key[] {
  const there = new Set(rows.map(({ key }) => keyId(key)));
  return keys.filter(key => !there.has(keyId(key)));
}

/** A key as users get it. */
export const rowKey = (key: readonly Column[], one: Key): RowKey => ({
  ...valuesOf(
    key.map(({ name }) => name),
    one,
  ),
});

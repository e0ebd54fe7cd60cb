import { Fault } from './fault.ts';
import { what } from './sql.ts';

/** What `set({ column: value })` takes. Objects and arrays are JSON: Postgres arrays are written as text. */
export type Literal =
  string | number | bigint | boolean | Date | null | readonly unknown[] | { readonly [key: string]: unknown };

/**
 * The value as text that Postgres reads into the column's type; null is NULL.
 * Whatever would quietly become something else (undefined, NaN, a Map, a Buffer) is refused.
 */
export function literal(column: string, value: unknown): string | null {
  const refuse = (why: string): never => {
    throw new Fault(`set: column '${column}' can't be ${why}`);
  };
  switch (typeof value) {
    case 'string':
      return value.includes('\0') ? refuse('text with a NUL character: Postgres has none') : value;
    case 'number':
      return Number.isFinite(value) ? String(value) : refuse(`${value}`);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? null : value instanceof Date ? instant(value, refuse) : json(value, refuse);
    default:
      return refuse(what(value));
  }
}

function instant(date: Date, refuse: (why: string) => never): string {
  const text = Number.isNaN(date.getTime()) ? refuse('an invalid Date') : date.toISOString();
  // ISO text of other years has a sign and six digits, which Postgres doesn't read.
  return /^\d{4}-/.test(text) && !text.startsWith('0000')
    ? text
    : refuse(`a Date outside the years 1 to 9999: ${text}`);
}

function json(value: object, refuse: (why: string) => never): string {
  const kind: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && kind !== Object.prototype && kind !== null) {
    refuse(`a ${(kind as { constructor?: { name?: string } }).constructor?.name ?? 'class instance'}`);
  }
  try {
    return JSON.stringify(value, (_, part: unknown) =>
      typeof part === 'number' && !Number.isFinite(part) ? refuse(`JSON with ${part}`) : part,
    );
  } catch (error) {
    if (error instanceof Fault) throw error;
    return refuse(`JSON: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
  }
}

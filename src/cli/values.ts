import type { Key, Values } from '../ask/ask.ts';
import { clean, cut, pad, width } from './text.ts';

/** A value that nobody is shown. */
const hidden = '***';

/** A column that changes: as text, null for NULL, undefined where there is no such row or column. */
export interface Change {
  readonly column: string;
  readonly from: string | null | undefined;
  readonly to: string | null | undefined;
}

/**
 * How values of rows leave this process: those of `EVENKEEL_SECRET_COLUMNS` masked, everywhere; for eyes also cut, and made
 * harmless.
 */
export class Shown {
  readonly #secret: ReadonlySet<string>;
  readonly #columns: number;

  /** @param columns of the terminal */
  constructor(secret: readonly string[], columns: number) {
    this.#secret = new Set(secret);
    this.#columns = columns;
  }

  /** For programs: NULL stays NULL, so that it can be told from a value. */
  mask<T extends Values | null>(values: T): T {
    if (values === null) return values;
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, this.#one(name, value)]),
    ) as unknown as T;
  }

  maskKey(key: Key, names: readonly string[]): Key {
    return key.map((part, i) => this.#one(names[i] ?? '', part));
  }

  #one(name: string, value: string | null): string | null {
    return value !== null && this.#secret.has(name) ? hidden : value;
  }

  /** One value for eyes, at most so many columns wide. */
  value(name: string, value: string | null | undefined, most = 30): string {
    if (value === null) return 'NULL';
    if (value === undefined) return '·';
    if (this.#secret.has(name)) return hidden;
    // A text that could be read as something else is put in quotes.
    const plain = cut(clean(value), most);
    return value === '' || value === 'NULL' || value === '·' || value.trim() !== value ? `'${plain}'` : plain;
  }

  /** `42`, or `7, b` for a composite key. */
  key(key: Key, names: readonly string[] = []): string {
    return key.map((part, i) => this.value(names[i] ?? '', part, 40)).join(', ');
  }

  /** A line for each column: `posts_count  99 → 4`. */
  changes(changes: readonly Change[], indent: string): string[] {
    const shown = changes.slice(0, most);
    const names = shown.map(({ column }) => cut(clean(column), 30));
    const nameWidth = Math.max(0, ...names.map(width));
    const room = Math.max(12, Math.floor((this.#columns - indent.length - nameWidth - 5) / 2));
    const lines = shown.map(({ column, from, to }, i) => {
      const left = from === undefined ? '' : this.value(column, from, to === undefined ? 2 * room : room);
      const right = to === undefined ? '' : this.value(column, to, from === undefined ? 2 * room : room);
      const arrow = from !== undefined && to !== undefined ? ' → ' : '';
      return `${indent}${pad(names[i] ?? '', nameWidth)}  ${left}${arrow}${right}`;
    });
    const more = changes.length - shown.length;
    return more > 0 ? [...lines, `${indent}… and ${more} more columns`] : lines;
  }
}
const most = 8;

/** What became, or would become, of a row: only what differs, unless the row comes or goes. */
export function difference(before: Values | null, after: Values | null): Change[] {
  if (before === null)
    return Object.entries(after ?? {}).map(([column, to]) => ({ column, from: undefined, to }));
  if (after === null)
    return Object.entries(before).map(([column, from]) => ({ column, from, to: undefined }));
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .map(column => ({ column, from: before[column], to: after[column] }))
    .filter(({ from, to }) => from !== to);
}

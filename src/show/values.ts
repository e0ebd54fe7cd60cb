import type { Key, Values } from '../ask/ask.ts';

/** A value that nobody is shown. */
export const hidden = '***';

/** A column that changes: as text, null for NULL, undefined where there is no such row or column. */
export interface Change {
  readonly column: string;
  readonly from: string | null | undefined;
  readonly to: string | null | undefined;
}

/** How values of rows leave this process: those of `EVENKEEL_SECRET_COLUMNS` masked, everywhere. */
export class Mask {
  readonly #secret: ReadonlySet<string>;

  constructor(secret: readonly string[]) {
    this.#secret = new Set(secret);
  }

  /** @param column '' where its name isn't known: then it may be any of them */
  hides(column: string): boolean {
    return this.#secret.has(column) || (column === '' && this.#secret.size > 0);
  }

  /** For programs: NULL stays NULL, so that it can be told from a value. */
  mask<T extends Values | null>(values: T): T {
    if (values === null) return values;
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, this.one(name, value)]),
    ) as unknown as T;
  }

  maskKey(key: Key, names: readonly string[]): Key {
    return key.map((part, i) => this.one(names[i] ?? '', part));
  }

  one(name: string, value: string | null): string | null {
    return value !== null && this.hides(name) ? hidden : value;
  }
}

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

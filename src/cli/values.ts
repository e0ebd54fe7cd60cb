import type { Key } from '../ask/ask.ts';
import { clean } from '../show/text.ts';
import { type Change, Mask, hidden } from '../show/values.ts';
import { cut, pad, width } from './text.ts';

/** The same for eyes at a terminal: also cut, and made harmless. */
export class Shown extends Mask {
  readonly #columns: number;

  /** @param columns of the terminal */
  constructor(secret: readonly string[], columns: number) {
    super(secret);
    this.#columns = columns;
  }

  /** One value for eyes, at most so many columns wide. */
  value(name: string, value: string | null | undefined, most = 30): string {
    if (value === null) return 'NULL';
    if (value === undefined) return '·';
    if (this.hides(name)) return hidden;
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

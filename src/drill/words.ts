import { tokens } from '../watch/scope/parse.ts';

/** A word or sign of a query's text; positions count characters. */
export interface Word {
  readonly start: number;
  readonly end: number;
  readonly word: string;
}

/** Where the pieces of a parsed query stand in its text: the syntax tree only says where something is, not how far it goes. */
export class Words {
  readonly all: readonly Word[];
  readonly #sql: string;
  readonly #at: (byte: number) => number;

  constructor(sql: string) {
    this.#sql = sql;
    const bytes = Buffer.from(sql);
    const plain = bytes.length === sql.length;
    this.#at = byte => (plain ? byte : bytes.subarray(0, byte).toString().length);
    this.all = tokens(sql)
      .map(({ start, end }) => ({ start: this.#at(start), end: this.#at(end) }))
      .map(token => ({ ...token, word: sql.slice(token.start, token.end).toLowerCase() }))
      .filter(({ word }) => !word.startsWith('--') && !word.startsWith('/*'));
  }

  /** The word at a place of the syntax tree (bytes). */
  at(location: number | undefined): Word | undefined {
    if (location === undefined) return undefined;
    const start = this.#at(location);
    return this.all.find(one => one.start === start);
  }

  /** As it is written, in its own case. */
  text({ start, end }: Word): string {
    return this.#sql.slice(start, end);
  }

  /** The first and the last place in a piece of the tree, as characters. */
  reach(node: unknown): { first: number; last: number } {
    let [first, last] = [Infinity, -1];
    const walk = (value: unknown): void => {
      if (value === null || typeof value !== 'object') return;
      const { location } = value as { location?: unknown };
      if (typeof location === 'number' && location >= 0) {
        first = Math.min(first, this.#at(location));
        last = Math.max(last, this.#at(location));
      }
      Object.values(value).forEach(walk);
    };
    walk(node);
    return { first, last };
  }

  /** How far a condition goes; both ends may be given by what stands beside it. Undefined: it can't be told. */
  span(node: unknown, after?: number, before?: number): { start: number; end: number } | undefined {
    const { first, last } = this.reach(node);
    let from = this.all.findIndex(({ start }) => start >= (after ?? first));
    if (from < 0) return undefined;
    let to = from;
    for (let depth = 0; to < this.all.length; to++) {
      const { word, start } = this.all[to] as Word;
      if (before !== undefined ? start >= before : start > last && depth <= 0 && ends.has(word)) break;
      depth += step(word);
      if (depth < 0 && start > last) break;
    }
    // `(a and (b) or c)`: brackets that open before it, or close behind it, belong to others.
    for (;;) {
      const lack = balance(this.all.slice(from, to));
      if (lack.closed > 0 && before === undefined) to--;
      else if (lack.closed > 0 && after === undefined && this.all[from - 1]?.word === '(') from--;
      else if (lack.closed > 0) to--;
      else if (lack.open > 0) from++;
      else break;
      if (from >= to) return undefined;
    }
    const [start, end] = [this.all[from]?.start, this.all[to - 1]?.end];
    return start === undefined || end === undefined ? undefined : { start, end };
  }

  /** The line on which a place stands, from 1, and its text. */
  line(start: number, sql = this.#sql): { line: number; text: string } {
    const line = sql.slice(0, start).split('\n').length;
    return { line, text: (sql.split('\n')[line - 1] ?? '').trim() };
  }
}

const step = (word: string): number =>
  ['(', '[', 'case'].includes(word) ? 1 : [')', ']', 'end'].includes(word) ? -1 : 0;

function balance(words: readonly Word[]): { open: number; closed: number } {
  let [open, closed] = [0, 0];
  for (const { word } of words) {
    const by = step(word);
    if (by > 0) open++;
    else if (by < 0 && open > 0) open--;
    else if (by < 0) closed++;
  }
  return { open, closed };
}

/** Reserved words and signs that end a condition. */
const ends = new Set(
  'and or then when else end group having window order limit offset fetch for union intersect except join inner left right full cross natural where on as from ; , )'.split(
    ' ',
  ),
);

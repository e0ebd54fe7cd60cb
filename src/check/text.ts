import type { Node, SelectStmt } from '../watch/scope/parse.ts';
import { parseSelect, tokens } from '../watch/scope/parse.ts';
import { same } from './expression.ts';

/** A stretch of a query's text; `start` counts characters. */
export interface Piece {
  readonly text: string;
  readonly start: number;
}

export interface Token {
  readonly start: number;
  readonly end: number;
  readonly word: string;
}

/** The words of a text, in small letters, without comments; positions count characters. */
export function words(sql: string): Token[] {
  const bytes = Buffer.from(sql);
  const plain = bytes.length === sql.length;
  const at = (n: number) => (plain ? n : bytes.subarray(0, n).toString().length);
  return tokens(sql)
    .map(({ start, end }) => ({ start: at(start), end: at(end) }))
    .map(token => ({ ...token, word: sql.slice(token.start, token.end).toLowerCase() }))
    .filter(({ word }) => !word.startsWith('--') && !word.startsWith('/*'));
}

/** How much deeper a word leads. */
export const step = (word: string): number =>
  ['(', '[', 'case'].includes(word) ? 1 : [')', ']', 'end'].includes(word) ? -1 : 0;

/** Ends a clause; every one of them is reserved, so none of them can stand in an expression outside brackets. */
export const clauses: ReadonlySet<string> = new Set([
  'where',
  'group',
  'having',
  'window',
  'order',
  'limit',
  'offset',
  'fetch',
  'for',
  'union',
  'intersect',
  'except',
  ';',
]);

/** Where the first and the last word of a tree stand, as far as it says; Infinity and -1: it doesn't. */
export function extent(root: unknown, sql: string): { first: number; last: number } {
  let [first, last] = [Infinity, -1];
  const walk = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return;
    const { location } = value as { location?: unknown };
    if (typeof location === 'number' && location >= 0) {
      first = Math.min(first, location);
      last = Math.max(last, location);
    }
    Object.values(value).forEach(walk);
  };
  walk(root);
  const bytes = Buffer.from(sql);
  const at = (n: number) => (bytes.length === sql.length ? n : bytes.subarray(0, n).toString().length);
  return last < 0 ? { first, last } : { first: at(first), last: at(last) };
}

/**
 * An expression as it is written. The tree says where its words begin and not where it ends: the shortest stretch that Postgres's
 * parser reads as this very expression. Undefined: none.
 */
export function pieceOf(sql: string, all: readonly Token[], node: Node): Piece | undefined {
  const { first, last } = extent(node, sql);
  const from = all.findIndex(({ start }) => start === first);
  const to = all.findIndex(({ start }) => start === last);
  if (from < 0 || to < 0) return undefined;
  for (let start = from; start === from || (start >= 0 && all[start]?.word === '('); start--) {
    let depth = all.slice(start, to).reduce((sum, { word }) => sum + step(word), 0);
    for (let end = to; end < all.length && end <= to + 200; end++) {
      const { word } = all[end] as Token;
      depth += step(word);
      if (depth < 0) break;
      if (depth > 0) continue;
      const at = all[start]?.start ?? 0;
      const text = sql.slice(at, all[end]?.end);
      if (reads(text, node)) return { text, start: at };
    }
  }
  return undefined;
}

function reads(text: string, node: Node): boolean {
  try {
    const [target, ...more] = parseSelect(`select (${text}\n)`).targetList ?? [];
    return more.length === 0 && !!target && 'ResTarget' in target && same(target.ResTarget.val ?? null, node);
  } catch {
    return false;
  }
}

/** What stands behind FROM; undefined: there is none, or it couldn't be told apart. */
export function fromOf(sql: string, all: readonly Token[], select: SelectStmt): string | undefined {
  if (!select.fromClause?.length) return undefined;
  const { first } = extent(select.fromClause, sql);
  const from = all.findLastIndex(({ word, start }) => word === 'from' && start < first);
  if (from < 0) return undefined;
  let end = from + 1;
  for (let depth = 0; end < all.length; end++) {
    const { word } = all[end] as Token;
    if (depth === 0 && (clauses.has(word) || word === ')')) break;
    depth += step(word);
  }
  const text = sql.slice(all[from + 1]?.start, all[end - 1]?.end);
  try {
    return same(parseSelect(`select from ${text}\n`).fromClause, select.fromClause) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** `with …` in front of the outermost SELECT; empty: there is none. */
export function withOf(sql: string, all: readonly Token[], select: SelectStmt): string {
  if (!select.withClause) return '';
  let depth = 0;
  for (const { word, start } of all) {
    if (depth === 0 && word === 'select') return sql.slice(all[0]?.start, start);
    depth += step(word);
  }
  return '';
}

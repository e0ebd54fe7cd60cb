import type { SelectStmt } from '../watch/scope/parse.ts';
import { parseCondition, same } from './expression.ts';
import { type Piece, type Token, clauses, extent, step, words } from './text.ts';

export interface Conjunct extends Piece {
  /** Its arms where it is an OR; itself where it is not. */
  readonly arms: readonly Piece[];
}

/**
 * The conjuncts of a WHERE, as they are written. The syntax tree doesn't say where an expression begins and ends; the words do,
 * and what they give is held against the tree. Undefined: there is no WHERE, or the two disagree.
 */
export function conjunctsOf(sql: string, select: SelectStmt): readonly Conjunct[] | undefined {
  if (!select.whereClause) return undefined;
  const all = words(sql);
  const { first } = extent(select.whereClause, sql);
  const where = all.findLastIndex(({ word, start }) => word === 'where' && start < first);
  if (where < 0) return undefined;
  let end = where + 1;
  for (let depth = 0; end < all.length; end++) {
    const { word } = all[end] as Token;
    if (depth === 0 && (clauses.has(word) || word === ')')) break;
    depth += step(word);
  }
  const inner = bare(all.slice(where + 1, end));
  const parts = split(inner, 'or').length > 1 ? [inner] : split(inner, 'and');
  const piece = (part: readonly Token[]): Piece => {
    const start = part[0]?.start ?? 0;
    return { text: sql.slice(start, part.at(-1)?.end ?? start), start };
  };
  const conjuncts = parts.map(part => ({ ...piece(part), arms: split(bare(part), 'or').map(piece) }));
  const again = conjuncts
    .map(({ arms }) => `(${arms.map(({ text }) => `(${text}\n)`).join(' or ')})`)
    .join(' and ');
  try {
    return same(parseCondition(again), select.whereClause) ? conjuncts : undefined;
  } catch {
    return undefined;
  }
}

/** The arms of a condition that is an OR; else it is its only one. */
export const armsOf = (text: string): readonly string[] =>
  split(bare(words(text)), 'or').map(part => text.slice(part[0]?.start, part.at(-1)?.end));

/** The conjuncts of one arm. */
export function leavesOf({ text, start }: Piece): readonly Piece[] {
  return split(bare(words(text)), 'and').map(part => {
    const from = part[0]?.start ?? 0;
    return { text: text.slice(from, part.at(-1)?.end ?? from), start: start + from };
  });
}

/** At the top level only. The AND of a BETWEEN joins nothing. */
function split(part: readonly Token[], by: 'and' | 'or'): (readonly Token[])[] {
  const parts: Token[][] = [[]];
  let depth = 0;
  let between = 0;
  for (const token of part) {
    depth += step(token.word);
    if (depth === 0 && token.word === 'between') between++;
    if (depth === 0 && token.word === 'and' && between > 0) between--;
    else if (depth === 0 && token.word === by) {
      parts.push([]);
      continue;
    }
    parts.at(-1)?.push(token);
  }
  // `a or b and c`: an AND below an OR is no conjunct of the whole.
  return by === 'and' && split(part, 'or').length > 1 ? [part] : parts;
}

/** Without the brackets around all of it. */
function bare(part: readonly Token[]): readonly Token[] {
  if (part[0]?.word !== '(') return part;
  let depth = 0;
  for (const [i, { word }] of part.entries()) {
    depth += step(word);
    if (depth === 0) return i === part.length - 1 ? bare(part.slice(1, -1)) : part;
  }
  return part;
}

import type { Bound } from '../../ask/bind.ts';
import { type Node, parseSelect, tokens } from '../../watch/scope/parse.ts';
import { same } from '../expression.ts';
import type { Piece } from '../text.ts';

/** What a heal writes, as it stands in the query: the result column of the first of these names; else the query's first line. */
export function written(
  { invariant, sets }: Bound,
  names: readonly string[] = sets.map(({ name }) => name),
): Piece {
  const { sql } = invariant;
  const targets = targetsOf(sql);
  for (const name of names) {
    const target = targets.find(one => one.name === name);
    if (target) return target.piece;
  }
  return firstLine(sql);
}

export function firstLine(sql: string): Piece {
  const start = sql.search(/\S/);
  return { text: sql.slice(Math.max(start, 0)).split('\n')[0] ?? '', start: Math.max(start, 0) };
}

/** Where a table or a function is named first. */
export function mention(sql: string, name: string): Piece {
  const bare = /([^."]+)"?(?:\(\))?$/.exec(name)?.[1] ?? name;
  const bytes = Buffer.from(sql);
  const word = tokens(sql).find(
    ({ start, end, text }) =>
      !/^(--|\/\*|')/.test(text) &&
      bytes.subarray(start, end).toString().replaceAll('"', '').toLowerCase() === bare.toLowerCase(),
  );
  if (!word) return firstLine(sql);
  return {
    text: bytes.subarray(word.start, word.end).toString(),
    start: bytes.subarray(0, word.start).toString().length,
  };
}

interface Target {
  readonly name: string;
  readonly piece: Piece;
  readonly value: Node;
}

/** The result columns of a plain SELECT, where the text can be told apart. */
export function targetsOf(sql: string): readonly Target[] {
  const { targetList = [] } = parseSelect(sql);
  const bytes = Buffer.from(sql);
  const words = tokens(sql)
    .map(({ start, end }) => ({ start, end, word: bytes.subarray(start, end).toString().toLowerCase() }))
    .filter(({ word }) => !word.startsWith('--') && !word.startsWith('/*'));
  if (words[0]?.word !== 'select') return [];
  const parts: { start: number; end: number }[] = [];
  let depth = 0;
  let open: { start: number; end: number } | undefined;
  for (const { start, end, word } of words.slice(1)) {
    if (depth === 0 && (word === 'from' || word === ',')) {
      if (open) parts.push(open);
      open = undefined;
      if (word === 'from') break;
      continue;
    }
    if (['(', '[', 'case'].includes(word)) depth++;
    if ([')', ']', 'end'].includes(word)) depth--;
    open = open ? { ...open, end } : { start, end };
  }
  if (parts.length !== targetList.length) return [];
  return targetList.flatMap((target, i): Target[] => {
    const part = parts[i];
    if (!part || !('ResTarget' in target) || !target.ResTarget.val) return [];
    const text = bytes.subarray(part.start, part.end).toString();
    const { val, name } = target.ResTarget;
    try {
      if (!same(parseSelect(`select ${text}\n`).targetList?.[0], target)) return [];
    } catch {
      return [];
    }
    const last = 'ColumnRef' in val ? val.ColumnRef.fields?.at(-1) : undefined;
    const column = name ?? (last && 'String' in last ? last.String.sval : undefined) ?? '';
    return [
      { name: column, piece: { text, start: bytes.subarray(0, part.start).toString().length }, value: val },
    ];
  });
}

import { EvenkeelError, type ErrorCode, type Place } from '../errors.ts';
import { didYouMean, distance, guess } from './guess.ts';

/**
 * The header of a `.sql` file: the leading lines that begin with `-- `. A key that is misspelt must never be
 * taken for a comment, so every line in it is either `-- key: value`, or continues the line above by four
 * spaces, or is an error; and a known key in the comments right below it is an error too.
 */
export const keys = [
  'evenkeel',
  'says',
  'on',
  'key',
  'heal',
  'mode',
  'guard',
  'grace',
  'every',
  'touches',
] as const;
export type Key = (typeof keys)[number];

/** What a key says. `line` counts from 1; `lineAt` tells the line of an offset in `value`. */
export interface Entry {
  value: string;
  line: number;
  lineAt: (offset: number) => number;
}

export interface Header {
  entries: Map<Key, Entry>;
  errors: EvenkeelError[];
  /** Lines of the header; the SQL begins after them. */
  length: number;
}

const isKey = (word: string): word is Key => (keys as readonly string[]).includes(word);

/** Does the file begin with `-- evenkeel:`? A first line that nearly does is an error instead of a no. */
export function begins(lines: readonly string[], file: string): boolean | EvenkeelError {
  const first = lines[0] ?? '';
  if (/^-- {1,4}evenkeel[ \t]*:/.test(first)) return true;
  const wrong = (code: ErrorCode, message: string, line = 1) =>
    new EvenkeelError(code, message, { place: { file, line } });
  const [, word = '', rest = ''] = /^--?[ \t]*(\w[\w-]*)(.*)$/.exec(first) ?? [];
  const near = distance(word.toLowerCase(), 'evenkeel') <= 2;
  if (near && /^[ \t]*:|^[ \t]+(should|broken)[ \t]*$/.test(rest)) {
    return wrong(
      'unknown-header-key',
      `'${first.trim()}' isn't a header line; did you mean '-- evenkeel: …'?`,
    );
  }
  const late = lines.findIndex(
    (line, i) => /^--[ \t]*evenkeel[ \t]*:/.test(line) && lines.slice(0, i).every(outside),
  );
  return late < 0 ? false : wrong('missing-header-key', "'-- evenkeel:' has to be the first line", late + 1);
}

/** Blank lines and comments may stand before the SQL; a lone dash is a comment that lost one. */
const outside = (line: string) => /^\s*(-|$)/.test(line);

const indent =
  'A key follows `-- `; four spaces after that continue the line above; a blank line ends the header.';

export function readHeader(lines: readonly string[], file: string): Header {
  const header: Header = { entries: new Map(), errors: [], length: 0 };
  const wrong = (code: ErrorCode, line: number, message: string, hint?: string) => {
    const place: Place = { file, line };
    header.errors.push(new EvenkeelError(code, message, hint === undefined ? { place } : { place, hint }));
  };
  let pieces: { text: string; line: number }[] = [];
  const seen = new Map<string, { line: number; pieces: typeof pieces }>();

  for (const text of lines) {
    const [, body] = /^--[ \t](.*)$/.exec(text) ?? [];
    if (body === undefined || body.trim() === '') break;
    const line = ++header.length;
    if (/^( {4}| {0,3}\t)/.test(body) || text.startsWith('--\t')) {
      const [, indented] = /^\s*([a-z]+)\s*:(?!:)/.exec(body) ?? [];
      if (indented === undefined || !isKey(indented)) pieces.push({ text: body.trim(), line });
      else
        wrong(
          'unknown-header-key',
          line,
          `'${indented}:' is indented, so it continues the line above`,
          indent,
        );
      continue;
    }
    const [, key, value] = /^\s*([A-Za-z][\w-]*)\s*:(.*)$/.exec(body) ?? [];
    pieces = [];
    if (key === undefined || value === undefined) {
      const [word = ''] = body.trim().split(/\s/);
      const meant = isKey(word) ? `; did you mean '${word}:'?` : didYouMean(word, keys);
      wrong('unknown-header-key', line, `'${body.trim()}' isn't 'key: value'${meant}`, indent);
      continue;
    }
    if (value.trim() !== '') pieces.push({ text: value.trim(), line });
    const before = seen.get(key);
    if (before)
      wrong('repeated-header-key', line, `header key '${key}' was given on line ${before.line} already`);
    else {
      seen.set(key, { line, pieces });
      if (!isKey(key))
        wrong('unknown-header-key', line, `unknown header key '${key}'${didYouMean(key, keys)}`);
    }
  }

  for (const [key, { line, pieces }] of seen) {
    if (!isKey(key)) continue;
    if (pieces.length === 0) wrong('empty-header-key', line, `header key '${key}' has no value`);
    else header.entries.set(key, entry(pieces));
  }
  for (const key of ['says', 'on'] as const) {
    if (!seen.has(key)) wrong('missing-header-key', 1, `header key '${key}' is missing`);
  }
  lost(lines, header.length).forEach(({ line, key, meant }) => {
    const hint = 'The header is one block of lines that begin with `-- `, without a blank line in between.';
    const guessed = meant === key ? '' : `; did you mean '${meant}'?`;
    wrong('unknown-header-key', line, `'${key}:' stands outside the header${guessed}`, hint);
  });
  header.errors.sort((a, b) => a.place!.line! - b.place!.line!);
  return header;
}

function entry(pieces: readonly { text: string; line: number }[]): Entry {
  const starts = pieces.map((_, i) =>
    pieces.slice(0, i).reduce((sum, piece) => sum + piece.text.length + 1, 0),
  );
  return {
    value: pieces.map(piece => piece.text).join(' '),
    line: pieces[0]!.line,
    lineAt: offset => pieces[starts.findLastIndex(start => start <= offset)]?.line ?? pieces[0]!.line,
  };
}

/** Keys in the comments between the header and the SQL; right below the header also misspelt ones. */
function lost(lines: readonly string[], length: number): { line: number; key: string; meant: string }[] {
  const found = [];
  let below = true;
  for (let i = length; i < lines.length && outside(lines[i]!); i++) {
    const [, key] = /^\s*--?[ \t]*([A-Za-z][\w-]*)[ \t]*:/.exec(lines[i]!) ?? [];
    below &&= /^--?[^-]/.test(lines[i]!);
    const meant = key === undefined || isKey(key) ? key : below ? guess(key, keys) : undefined;
    if (key !== undefined && meant !== undefined) found.push({ line: i + 1, key, meant });
  }
  return found;
}

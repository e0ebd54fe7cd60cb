/**
 * Just enough of Postgres's lexer to know what is inside a string, a quoted name or a comment and what isn't.
 * It never judges the SQL: the real parser does that later, with positions.
 */
export interface Token {
  kind: 'space' | 'comment' | 'string' | 'quoted' | 'word' | 'other';
  start: number;
  /** Offset after the last character. */
  end: number;
  /** A string, quoted name or comment whose end is missing. */
  open: boolean;
}

// Each pattern is written without nested choice, so that a missing end costs linear time.
const space = /\s+/y;
const lineComment = /--[^\n]*/y;
const escapeString = /[eE]'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*('?)/y;
const string = /'[^']*(?:''[^']*)*('?)/y;
const quoted = /"[^"]*(?:""[^"]*)*("?)/y;
const dollar = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;

export function* scan(text: string): Generator<Token> {
  let start = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = start;
    return pattern.exec(text);
  };
  while (start < text.length) {
    let kind: Token['kind'] = 'other';
    let end = start + 1;
    let open = false;
    let found: RegExpExecArray | null;
    if ((found = match(space))) [kind, end] = ['space', space.lastIndex];
    else if ((found = match(lineComment))) [kind, end] = ['comment', lineComment.lastIndex];
    else if (text.startsWith('/*', start)) {
      kind = 'comment';
      ({ end, open } = blockComment(text, start));
    } else if ((found = match(escapeString))) {
      [kind, end, open] = ['string', escapeString.lastIndex, found[1] === ''];
    } else if ((found = match(string))) [kind, end, open] = ['string', string.lastIndex, found[1] === ''];
    else if ((found = match(quoted))) [kind, end, open] = ['quoted', quoted.lastIndex, found[1] === ''];
    else if ((found = match(dollar))) {
      kind = 'string';
      const closing = text.indexOf(found[0], dollar.lastIndex);
      [end, open] = closing < 0 ? [text.length, true] : [closing + found[0].length, false];
    } else if ((found = match(word))) [kind, end] = ['word', word.lastIndex];
    yield { kind, start, end, open };
    start = end;
  }
}

/** Postgres nests block comments. */
function blockComment(text: string, start: number): { end: number; open: boolean } {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  for (let depth = 0, found; (found = edge.exec(text));) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return { end: edge.lastIndex, open: false };
  }
  return { end: text.length, open: true };
}

/**
 * The statement without the comments around it and without its closing semicolon, so that it can stand in
 * brackets. A semicolon before the end stays: it is the parser that tells a person about a second statement.
 */
export function statement(text: string): { sql: string; start: number } {
  let start = -1;
  let end = 0;
  for (const token of scan(text)) {
    if (token.kind === 'space' || (token.kind === 'comment' && !token.open)) continue;
    if (start < 0) start = token.start;
    if (token.kind !== 'other' || text[token.start] !== ';') end = token.end;
  }
  return start < 0 || end <= start ? { sql: '', start: 0 } : { sql: text.slice(start, end), start };
}

/**
 * Splits a psql script, such as `pg_dump` writes, into its statements.
 *
 * Postgres's own parser says where a statement ends: lines are gathered until what they hold parses. Between statements stand
 * meta commands of psql, and behind `COPY … FROM stdin` rows that no parser may see.
 */
import { type Node, hasSqlDetails, loadModule, parseSync } from 'libpg-query';
import { lineOf, part } from './lines.ts';

await loadModule();

export interface Statement {
  readonly node: Node;
  readonly text: string;
  /** Where it begins, from 1. */
  readonly line: number;
  /** Lines of rows that followed it, passed over. */
  readonly rows: number;
}

/** A fault in the script itself. */
export class ScriptMistake extends Error {
  readonly line: number;
  /** How the statement begins; empty: none began. */
  readonly text: string;
  constructor(message: string, line: number, text = '') {
    super(message);
    this.line = line;
    this.text = text;
  }
}

/** What psql does with these makes no difference to a schema. */
const harmless =
  /^\\(restrict|unrestrict|connect|c|encoding|set|unset|pset|echo|qecho|warn|timing|x|a|t|q|copy)\b/;

/** @throws ScriptMistake */
export async function* statementsOf(lines: AsyncIterable<string>): AsyncGenerator<Statement> {
  const reader = lines[Symbol.asyncIterator]();
  let line = 0;
  let text = '';
  let first = 0;
  let closing: string | undefined;
  for (let next = await reader.next(); !next.done; next = await reader.next()) {
    line += 1;
    if (text === '') {
      if (/^\s*(--.*)?$/.test(next.value)) continue;
      if (next.value.startsWith('\\')) {
        if (harmless.test(next.value)) continue;
        const [command = ''] = next.value.split(/\s/);
        throw new ScriptMistake(`${command} is a command of psql, which is not run here`, line);
      }
      first = line;
    }
    text += `${next.value}\n`;
    // Only where a string, a comment or a body can have ended, and a statement with it, is it worth a look.
    if (closing !== undefined && !next.value.includes(closing)) continue;
    closing = undefined;
    if (!next.value.includes(';')) continue;
    const tried = parse(text);
    if ('closing' in tried) closing = tried.closing;
    else if ('error' in tried) {
      if (!tried.ends) throw mistake(tried, text, first);
    } else {
      const found = tried.statements.map(one => ({ ...one, line: first + one.line, rows: 0 }));
      if (found.some(({ node }) => isCopy(node))) {
        const rows = await passRows(reader);
        line += rows + 1;
        yield* found.map(one => (isCopy(one.node) ? { ...one, rows } : one));
      } else yield* found;
      text = '';
    }
  }
  if (text === '') return;
  const last = parse(text);
  if ('error' in last) throw mistake(last, text, first);
  yield* last.statements.map(one => ({ ...one, line: first + one.line, rows: 0 }));
}

interface Failed {
  readonly error: string;
  /** Characters. */
  readonly at: number;
  /** It failed at the end of the text: there may be more of it. */
  readonly ends: boolean;
  /** What ends the string or the comment that is open. */
  readonly closing?: string;
}

function parse(text: string): Failed | { statements: Omit<Statement, 'rows'>[] } {
  try {
    const bytes = Buffer.from(text);
    return {
      statements: (parseSync(text).stmts ?? []).flatMap(({ stmt, stmt_location: start = 0, stmt_len }) => {
        if (!stmt) return [];
        const end = stmt_len === undefined ? bytes.length : start + stmt_len;
        return [
          {
            node: stmt,
            text: bytes.subarray(start, end).toString().trim(),
            line: lineOf(bytes.subarray(0, start).toString()),
          },
        ];
      }),
    };
  } catch (caught) {
    if (!hasSqlDetails(caught)) throw caught;
    const error = caught.sqlDetails?.message ?? 'syntax error';
    const at = caught.sqlDetails?.cursorPosition ?? 0;
    if (!error.startsWith('unterminated')) return { error, at, ends: error.endsWith('at end of input') };
    const open = part(text, at, at + 100);
    const closing = open.startsWith('/*')
      ? '*/'
      : (/^\$[^$]*\$/.exec(open)?.[0] ?? /['"]/.exec(open)?.[0] ?? ';');
    return { error: error.replace(/ at or near .*/s, ''), at, ends: true, closing };
  }
}

function mistake({ error, at }: Failed, text: string, first: number): ScriptMistake {
  return new ScriptMistake(error, first + lineOf(part(text.trimEnd(), 0, at)), text);
}

function isCopy(node: Node): boolean {
  return 'CopyStmt' in node && node.CopyStmt.is_from === true && node.CopyStmt.filename === undefined;
}

/** How many lines of rows there are, before the one that ends them. */
async function passRows(reader: AsyncIterator<string>): Promise<number> {
  for (let rows = 0; ; rows += 1) {
    const next = await reader.next();
    if (next.done || next.value === '\\.') return rows;
  }
}

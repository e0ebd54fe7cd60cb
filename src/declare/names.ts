import { Fault } from './fault.ts';
import { scan } from './scan.ts';
import type { Governed } from './invariant.ts';

const bare = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const quoted = /"((?:[^"]|"")*)"/y;

/** Reads names from left to right. Spaces between its pieces don't matter. */
export class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
    this.space();
  }

  space(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  /** Takes `mark` if it comes next. */
  take(mark: string): boolean {
    if (!this.text.startsWith(mark, this.at)) return false;
    this.at += mark.length;
    this.space();
    return true;
  }

  /** The next piece as a person would point at it. */
  get next(): string {
    return this.done
      ? 'the end'
      : `'${/^(?:"(?:[^"]|"")*"|[\w$\u0080-\uffff]+|[^])/.exec(this.text.slice(this.at))![0]}'`;
  }

  fail(message: string, hint?: string): never {
    throw new Fault(message, hint === undefined ? { at: this.at } : { at: this.at, hint });
  }

  /** One identifier: as written, and as Postgres knows it (folded to lower case unless quoted). */
  name(what: string): { written: string; name: string } {
    for (const pattern of [bare, quoted]) {
      pattern.lastIndex = this.at;
      const found = pattern.exec(this.text);
      if (!found) continue;
      if (found[1] === '') this.fail(`a name can't be empty: ""`);
      this.at = pattern.lastIndex;
      this.space();
      const written = found[0];
      // Postgres folds ASCII only (in UTF-8 databases), so "É" stays what it is.
      const folded = written.replace(/[A-Z]/g, letter => letter.toLowerCase());
      return { written, name: found[1] === undefined ? folded : found[1].replaceAll('""', '"') };
    }
    if (this.text[this.at] === '"') this.fail(`the closing " of the name is missing`);
    return this.fail(`expected ${what}, found ${this.next}`);
  }

  /** `[schema.]table`, as written. */
  table(): string {
    const parts = [this.name('a table').written];
    while (this.take('.')) parts.push(this.name('a table').written);
    if (parts.length > 2)
      this.fail(`'${parts.join('.')}' has too many parts`, 'Write table or schema.table.');
    return parts.join('.');
  }

  /** `a, "B"`: names as Postgres knows them, none twice. */
  columns(): string[] {
    const columns: string[] = [];
    do {
      const { name } = this.name('a column');
      if (columns.includes(name)) this.fail(`column ${quote(name)} is named twice`);
      columns.push(name);
    } while (this.take(','));
    return columns;
  }
}

/** The name as it has to be written in a header: in quotes where Postgres would take it for something else. */
export function quote(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function whole<T>(text: string, read: (reader: Reader) => T): T {
  const reader = new Reader(text);
  const value = read(reader);
  if (!reader.done) reader.fail(`expected a comma or the end, found ${reader.next}`);
  return value;
}

/** `a, "B"` → the names as Postgres knows them. */
export const columns = (text: string): string[] => whole(text, reader => reader.columns());

/** `a, s."B"` → the tables, as written. */
export const tables = (text: string): string[] =>
  whole(text, reader => {
    const list = [reader.table()];
    while (reader.take(',')) list.push(reader.table());
    const twice = list.find((table, i) => list.indexOf(table) !== i);
    if (twice !== undefined) reader.fail(`table ${twice} is named twice`);
    return list;
  });

/** `a` or `s."B"` → the table, as written. */
export const table = (text: string): string => whole(text, reader => reader.table());

/** `[schema.]table [where condition]`. The condition goes into brackets later, so it has to be closed in itself. */
export function governed(text: string): Governed {
  const reader = new Reader(text);
  const table = reader.table();
  if (reader.done) return { table, where: undefined };
  const where = /^where(?![\w$])\s*/i.exec(text.slice(reader.at));
  if (!where) {
    return reader.fail(
      `expected where, found ${reader.next}`,
      'Write `[schema.]table [where condition]`, without an alias.',
    );
  }
  const start = reader.at + where[0].length;
  const condition = text.slice(start).trim();
  if (condition === '') throw new Fault('there is no condition after where', { at: reader.at });
  closed(condition, start);
  return { table, where: condition };
}

function closed(condition: string, offset: number): void {
  let depth = 0;
  for (const token of scan(condition)) {
    const fail = (message: string): never => {
      throw new Fault(message, { at: offset + token.start });
    };
    if (token.kind === 'comment') fail('a comment would swallow what follows the condition');
    if (token.open) fail(`the end of ${condition.slice(token.start, token.start + 20)} is missing`);
    if (token.kind !== 'other') continue;
    const mark = condition[token.start];
    if (mark === ';') fail("a condition can't hold a semicolon");
    if (mark === '(') depth++;
    if (mark === ')' && --depth < 0) fail('a bracket closes that was never opened');
  }
  if (depth > 0) throw new Fault('a bracket is never closed', { at: offset });
}

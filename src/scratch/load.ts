import type pg from 'pg';
import { quote, sqlState } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import { lineOf, part } from './lines.ts';
import { roleOf } from './passed.ts';
import { ScriptMistake, type Statement, statementsOf } from './script.ts';

/** A statement that was not run, and why. */
export interface LeftOut {
  readonly line: number;
  readonly statement: string;
  readonly why: string;
}

export interface Loaded {
  /** Extensions that this server doesn't have, what reaches other servers, and what depends on either. */
  readonly left: readonly LeftOut[];
  /** Rows of the file: a schema has none, so they were passed over. */
  readonly rows: number;
}

export interface Target {
  readonly client: pg.Client;
  /** The name of the database that it is connected to. */
  readonly database: string;
  /** Roles that had to be made are put here. */
  readonly roles: string[];
}

/**
 * Runs a plain SQL script, as pg_dump writes it, statement by statement; rows are passed over.
 * @param file what to call it in errors
 * @throws bad-schema with the line and the first words of what failed
 */
export async function load(target: Target, lines: AsyncIterable<string>, file: string): Promise<Loaded> {
  const loader = new Loader(target, file);
  try {
    for await (const statement of statementsOf(lines)) await loader.load(statement);
  } catch (error) {
    if (!(error instanceof ScriptMistake)) throw error;
    throw bad(file, error.line, error.text, error.message, error);
  }
  return { left: loader.left, rows: loader.rows };
}

/** Something isn't there: a type, a function, a table, a schema. */
const absent = ['42704', '42883', '42P01', '3F000'];

class Loader implements Loaded {
  readonly left: LeftOut[] = [];
  rows = 0;
  readonly #target: Target;
  readonly #file: string;

  constructor(target: Target, file: string) {
    this.#target = target;
    this.#file = file;
  }

  async load(statement: Statement): Promise<void> {
    const { node, text, line, rows } = statement;
    const role = roleOf(node);
    if (role === 'server') return;
    if (role === 'rows') {
      this.rows += 'InsertStmt' in node ? 1 : rows;
      return;
    }
    if (role === 'outside') {
      // Options may hold a password.
      const statement = firstWords(text.replace(/\soptions\s*\(.*/is, ''));
      this.left.push({ line, statement, why: 'it reaches beyond this database' });
      return;
    }
    if (role === 'setting' && /^set\s+(session\s+)?client_encoding\b/i.test(text))
      return this.#encoding(statement);
    try {
      await this.#run(role === 'database-setting' ? this.#here(text) : text);
    } catch (error) {
      const state = sqlState(error);
      if (state === undefined) throw error;
      const message = error instanceof Error ? error.message : '';
      // A setting that another version knows; another database, by its name; a schema that is there from the start; a dump that drops before it creates.
      if (role === 'setting' || role === 'database-setting') return;
      if (state === '3D000' || state === '42P06' || (role === 'drop' && absent.includes(state))) return;
      if (role === 'extension' || (this.left.length > 0 && absent.includes(state))) {
        this.left.push({ line, statement: firstWords(text), why: message });
        return;
      }
      const { position } = error as { position?: string };
      const at = position === undefined ? 0 : lineOf(part(text, 0, Number(position) - 1));
      throw bad(this.#file, line + at, text, message, error);
    }
  }

  /** Roles that it speaks of are made on the way: whom a schema grants what is part of it. */
  async #run(text: string): Promise<void> {
    const { client, roles } = this.#target;
    for (;;) {
      try {
        await client.query(text);
        return;
      } catch (error) {
        const role = /^role "(.*)" does not exist$/s.exec((error as Error).message)?.[1];
        if (sqlState(error) !== '42704' || role === undefined || roles.includes(role)) throw error;
        await client.query(`create role ${quote(role)}`);
        roles.push(role);
      }
    }
  }

  /** `alter database shop set search_path …`, for this database: it says what unqualified names mean. */
  #here(text: string): string {
    return text.replace(
      /^alter\s+database\s+("([^"]|"")*"|\S+)/i,
      `alter database ${quote(this.#target.database)}`,
    );
  }

  #encoding({ text, line }: Statement): void {
    if (/utf-?8|sql_ascii|default/i.test(text)) return;
    throw new EvenkeelError('bad-schema', `the file is in another encoding than UTF-8: ${firstWords(text)}`, {
      place: { file: this.#file, line },
      hint: 'Write it with `pg_dump --schema-only --encoding=UTF8 --file=schema.sql`.',
    });
  }
}

function bad(file: string, line: number, text: string, message: string, cause: unknown): EvenkeelError {
  const words = firstWords(text);
  return new EvenkeelError('bad-schema', words === '' ? message : `${words}: ${message}`, {
    place: { file, line },
    cause,
  });
}

/** How a statement begins, in one line. */
function firstWords(text: string): string {
  const line = text
    .replace(/^\s*--.*$/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > 60 ? `${line.slice(0, 60).replace(/ \S*$/, '')} …` : line;
}

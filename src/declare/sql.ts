import { EvenkeelError } from '../errors.ts';
import { calledFrom } from './place.ts';

// Two copies of the package may meet in one process: a shared symbol, not instanceof.
const brand = Symbol.for('evenkeel.sql');

/** A piece of SQL, made by the tag `sql`. */
export interface Sql {
  readonly text: string;
  /** The line of the file on which `text` begins; undefined where pieces of several lines are put together. */
  readonly line: number | undefined;
}

/**
 * SQL as it is written: a backslash is a backslash. `${…}` takes other pieces made by `sql` and nothing else,
 * so no value is ever spliced into a statement.
 * @throws EvenkeelError `bad-definition` for anything else in `${…}`
 */
export function sql(parts: TemplateStringsArray, ...nested: Sql[]): Sql {
  const place = calledFrom(sql);
  if (!Array.isArray(parts?.raw)) {
    throw new EvenkeelError('bad-definition', 'sql is a tag: write sql`select …`, not sql(…)', { place });
  }
  let text = written(parts.raw[0]);
  nested.forEach((piece, i) => {
    if (!isSql(piece)) {
      throw new EvenkeelError('bad-definition', `sql takes only other pieces of sql, not ${what(piece)}`, {
        place,
        hint: 'Write values into the SELECT itself; ${…} is for pieces made with sql`…`.',
      });
    }
    text += piece.text + written(parts.raw[i + 1]!);
  });
  const line = nested.some(piece => piece.text.includes('\n')) ? undefined : place?.line;
  return Object.freeze(Object.defineProperty({ text, line }, brand, { value: true }));
}

export function isSql(value: unknown): value is Sql {
  return typeof value === 'object' && value !== null && brand in value;
}

/** A template can't hold a backtick or `${` otherwise than with a backslash before it. */
const written = (raw: string) => raw.replace(/\\([`$])/g, '$1');

/** How a message calls a value of the wrong kind. */
export function what(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'string':
      return `the string '${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`;
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'symbol':
      return `the ${typeof value} ${String(value)}`;
    default:
      return typeof value === 'object' ? 'an object' : 'a function';
  }
}

import { masked } from '../config.ts';
import { describe, isDown, sqlState } from '../db/pool.ts';
import { EvenkeelError, EvenkeelErrors } from '../errors.ts';
import { clean, wrap } from './text.ts';

/** The errors that a person can act on; undefined: a bug. */
export function known(error: unknown, url: string | undefined): readonly EvenkeelError[] | undefined {
  if (error instanceof EvenkeelErrors) return error.errors;
  const one = translate(error, url);
  return one instanceof EvenkeelError ? [one] : undefined;
}

/** What Postgres or the way to it said, in our words. Other errors stay as they are. */
export function translate(error: unknown, url: string | undefined): unknown {
  if (error instanceof EvenkeelError || error instanceof EvenkeelErrors) return error;
  const say = (code: ConstructorParameters<typeof EvenkeelError>[0], message: string, hint?: string) =>
    new EvenkeelError(code, message, { cause: error, ...(hint === undefined ? {} : { hint }) });
  const state = sqlState(error);
  const where = place(url);
  if (state === '28P01' || state === '28000') {
    return say(
      'no-rights',
      `${where} refuses this user`,
      'Check the user and the password in DATABASE_URL, and pg_hba.conf.',
    );
  }
  if (state === '3D000')
    return say('no-database', `there is no such database: ${where}`, 'Check the name in DATABASE_URL.');
  if (isDown(error)) {
    const why = (error as { code?: string }).code ?? 'no answer';
    return say(
      'database-down',
      `the database can't be reached: ${where} (${why})`,
      'Start it, or check DATABASE_URL.',
    );
  }
  const message = describe(error);
  if ((state === '42P01' || state === '3F000') && /evenkeel/.test(message)) {
    return say('not-installed', 'the schema evenkeel is not installed in this database');
  }
  if (state === '42501') return say('no-rights', message);
  return state === undefined ? error : say('query-failed', message, 'Look at the log of the database.');
}

/** `shop on db.example.com:5432` */
function place(url: string | undefined): string {
  if (url === undefined || !URL.canParse(url)) return 'the database';
  const { pathname, searchParams, hostname, port } = new URL(url);
  const host = searchParams.get('host') ?? hostname;
  return `${decodeURIComponent(pathname.slice(1)) || 'the database'} on ${host || 'localhost'}:${port || 5432}`;
}

const withoutUrls = (text: string): string => text.replace(/\b\w+:\/\/\S+/g, masked);

/** For people, on standard error. */
export function report(error: unknown, url: string | undefined, debug: boolean): string {
  const errors = known(error, url);
  if (errors) return errors.map(describeOne).join('\n');
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const stack =
    debug && error instanceof Error && error.stack ? `\n${error.stack.replace(/^.*?\n(?=\s+at )/s, '')}` : '';
  const hint = debug ? '' : '\n  EVENKEEL_LOG=debug shows where.';
  return `bug: ${clean(withoutUrls(text))}\n  This is a fault in Evenkeel, not in your data; nothing was left half done.${hint}${stack}`;
}

export function describeOne(error: EvenkeelError): string {
  return [
    ...fitted(`error[${error.code}]: ${clean(error.located)}`, ''),
    ...(error.hint ? fitted(`hint: ${clean(error.hint)}`, '  ') : []),
    `  docs/errors/${error.code}.md`,
  ].join('\n');
}

/** Broken at spaces for a terminal; one line for whatever searches it. */
function fitted(text: string, indent: string): string[] {
  const lines = process.stderr.isTTY ? wrap(text, process.stderr.columns - indent.length) : [text];
  return lines.map(line => `${indent}${line}`);
}

/** The same for a program, on standard output. */
export function failure(error: unknown, url: string | undefined): unknown {
  const errors = known(error, url);
  if (!errors)
    return {
      errors: [{ code: 'bug', message: error instanceof Error ? withoutUrls(error.message) : 'unknown' }],
    };
  return {
    errors: errors.map(({ code, message, hint, retry, place }) => ({
      code,
      message,
      hint,
      retry,
      place: place ?? null,
    })),
  };
}

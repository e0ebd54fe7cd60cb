import { EvenkeelError, EvenkeelErrors } from '../errors.ts';
import { describe, isDown, sqlState } from './pool.ts';

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

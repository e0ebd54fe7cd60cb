import { spawn } from 'node:child_process';
import { environment, masked } from '../config.ts';
import { EvenkeelError } from '../errors.ts';

/**
 * The schema of a live database, as pg_dump writes it; only reads.
 * @throws no-pg-dump where that program isn't on the PATH, or can't read this server
 */
export async function* dumpOf(url: string): AsyncGenerator<Buffer> {
  const { place, password } = apart(url);
  // With --create, the settings of the database come along: search_path may be among them.
  const flags = ['--schema-only', '--create', '--encoding=UTF8', '--no-password', `--dbname=${place}`];
  const child = spawn('pg_dump', flags, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(password === undefined ? {} : { PGPASSWORD: password }),
  });
  const ended = new Promise<number | string | null>(done => {
    child.once('error', error => done((error as NodeJS.ErrnoException).code ?? error.message));
    child.once('close', done);
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const code = await ended;
    if (code === 'ENOENT') {
      throw new EvenkeelError('no-pg-dump', 'copying a schema takes pg_dump, which is not on the PATH');
    }
    if (code === 0) return;
    const why = said.trim().split('\n').slice(0, 3).join(' ');
    throw new EvenkeelError(
      'no-pg-dump',
      `pg_dump could not read the schema: ${why.replace(/\b\w+:\/\/\S+/g, masked) || `it ended with ${code}`}`,
    );
  } finally {
    child.kill();
  }
}

/** Whoever lists the processes of this machine must not read a password. */
function apart(url: string): { place: string; password: string | undefined } {
  if (!URL.canParse(url)) return { place: url, password: undefined };
  const place = new URL(url);
  const password = place.searchParams.get('password') ?? decodeURIComponent(place.password);
  place.searchParams.delete('password');
  place.password = '';
  return { place: place.href, password: password === '' ? undefined : password };
}

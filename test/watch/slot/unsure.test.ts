import { expect, test } from 'vitest';
import { freshDatabase } from '../../support/database.ts';
import { keelOn } from '../../support/keel.ts';
import { until } from '../../support/wait.ts';

const header = (on: string) => `-- evenkeel: broken\n-- says: There is none\n-- on: ${on}\n-- grace: 0s\n`;

test('a row that no longer meets a condition is followed where nothing is told of it as it was, because another invariant needs more', async () => {
  const db = await freshDatabase();
  // What the log tells of old rows is their key: enough for the one, not for the other, which starts from author.
  await db.sql(`create table posts (id int primary key, author int, deleted_at timestamptz);
    create table notes (id int primary key, post int); create table authors (id int primary key, posts bigint);
    insert into posts values (1, 1, null); insert into notes values (7, 1); insert into authors values (1, 1)`);
  const engine = await keelOn(
    db,
    {
      'note-of-nothing': `${header('notes')}select n.id from notes n
        where not exists (select from posts p where p.id = n.post and p.deleted_at is null)`,
      'author-posts': `${header('authors')}select a.id from authors a
        where a.posts <> (select count(*) from posts p where p.author = a.id and p.deleted_at is null)`,
    },
    { EVENKEEL_CAPTURE: 'slot' },
  ).engine();
  try {
    engine.start();
    const rowsOf = async (text: string) => (await db.sql(text)).length;
    await until(
      async () => (await rowsOf('select from evenkeel.capture where verified_at is not null')) > 0,
      {
        what: 'capture to begin',
      },
    );
    const waiting = 'select from evenkeel.invariant where proved_at is null or stale_since is not null';
    await until(async () => (await rowsOf(waiting)) === 0, { what: 'the first sweeps' });
    await db.sql('update posts set deleted_at = now() where id = 1');
    const found = await until(
      async () =>
        (await db.sql(`select key, cause from evenkeel.violation where invariant = 'note-of-nothing'`))[0],
      { what: 'the note to be found' },
    );
    expect(found).toMatchObject({ key: ['7'], cause: { operation: 'update' } });
  } finally {
    await engine.stop();
  }
});

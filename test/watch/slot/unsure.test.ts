import { expect, test } from 'vitest';
import type { Engine } from '../../../src/engine.ts';
import { type FreshDatabase, freshDatabase } from '../../support/database.ts';
import { keelOn } from '../../support/keel.ts';
import { until } from '../../support/wait.ts';

const header = (on: string) => `-- evenkeel: broken\n-- says: There is none\n-- on: ${on}\n-- grace: 0s\n`;

/** Everything was looked at once, and rests on what is told. */
async function proved(db: FreshDatabase, engine: Engine): Promise<void> {
  engine.start();
  const rowsOf = async (text: string) => (await db.sql(text)).length;
  await until(async () => (await rowsOf('select from evenkeel.capture where verified_at is not null')) > 0, {
    what: 'capture to begin',
  });
  const waiting = 'select from evenkeel.invariant where proved_at is null or stale_since is not null';
  await until(async () => (await rowsOf(waiting)) === 0, { what: 'the first sweeps' });
}

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
    await proved(db, engine);
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

test('what is not told of a row that goes or changes may have met a condition, and may have been another', async () => {
  const db = await freshDatabase();
  // Of old rows k and s are told. Another invariant starts from n, so n is told of new rows.
  await db.sql(`create table hold (k text, s text, n int, primary key (k, s)); create table owner (id int primary key, holds bigint);
    create table kept (k text primary key);
    insert into hold values ('goes', 'a', 1), ('changes', 'a', 1); insert into owner values (1, 2);
    insert into kept values ('goes'), ('changes')`);
  const engine = await keelOn(
    db,
    {
      'owner-holds': `${header('owner')}select o.id from owner o
        where o.holds <> (select count(*) from hold h where h.n = o.id)`,
      'kept-held': `${header('kept')}select k.k from kept k
        where not exists (select from hold h where h.k = k.k and h.n is not null)`,
    },
    { EVENKEEL_CAPTURE: 'slot' },
  ).engine();
  try {
    await proved(db, engine);
    await db.sql(`delete from hold where k = 'goes'; update hold set s = 'b', n = null where k = 'changes'`);
    const found = async () =>
      (
        await db.sql(
          `select key[1] as k, cause->>'operation' as by from evenkeel.violation where invariant = 'kept-held' order by 1`,
        )
      ).map(({ k, by }) => `${k}: ${by}`);
    await until(async () => (await found()).length === 2, { what: 'both to be found' });
    expect(await found()).toEqual(['changes: update', 'goes: delete']);
  } finally {
    await engine.stop();
  }
});

/** `up --once` and the lease of another process. */
import { expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';

const files = { it: `-- evenkeel: broken\n-- says: No t is bad\n-- on: t\nselect id from t where bad` };

async function leased(forHowLong: string) {
  const db = await freshDatabase();
  await db.sql('create table t (id int primary key, bad boolean); insert into t values (1, true)');
  await migrate(db.pool);
  await db.sql(`insert into evenkeel.lease (name, holder, expires_at)
    values ('sweep', gen_random_uuid(), clock_timestamp() + interval '${forHowLong}')`);
  return db;
}

test('a pass waits out the lease of a process that was killed', async () => {
  const db = await leased('2 seconds');
  await keelOn(db, files).once();
  expect(await db.sql('select key from evenkeel.violation')).toEqual([{ key: ['1'] }]);
});

test('a pass does not wait for a process that lives', { timeout: 60_000 }, async () => {
  const db = await leased('1 hour');
  await expect(keelOn(db, files).once()).rejects.toMatchObject({ code: 'busy-elsewhere' });
});

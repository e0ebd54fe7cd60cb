/** The ledger, where keys are of types that are met less often. */
import { expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { find } from '../../src/find/find.ts';
import { freshDatabase } from '../support/database.ts';
import { bindOn, should } from '../watch/binding.ts';

async function scene(type: string, tables: string) {
  const db = await freshDatabase();
  await db.sql(`create table t (k ${type} primary key); create table o (k ${type}); ${tables}`);
  await migrate(db.pool);
  const { same } = await bindOn(db, { same: should('t', 'select distinct k from o') });
  if (!same) throw new Error('not bound');
  const ask = (...keys: string[]) =>
    find(
      db.pool,
      same,
      keys.map(key => [key]),
      5_000,
    );
  const listed = async () =>
    (await db.sql('select key[1] as key, kind from evenkeel.violation order by 1')).map(
      ({ key, kind }) => `${key} ${kind}`,
    );
  return { db, ask, listed };
}

test.each([
  ['numeric', '1', '1.0'],
  ['numeric[]', '{1}', '{1.0}'],
  ['double precision', '0', '-0'],
  ['interval', '24:00:00', '1 day'],
  ['jsonb', '1', '1.0'],
])('%s: what is listed as %s is cleared by a look at %s', async (type, one, other) => {
  const { db, ask, listed } = await scene(type, `insert into o values ('${one}')`);
  await ask(one);
  expect(await listed()).toEqual([`${one} missing`]);
  await db.sql(`insert into t values ('${other}')`);
  await ask(other);
  expect(await listed()).toEqual([]);
});

test('one that is broken in another way is listed once', async () => {
  const { db, ask, listed } = await scene('numeric', 'insert into o values (1)');
  await ask('1');
  await db.sql('delete from o; insert into t values (1.0)');
  await ask('1.00');
  expect(await listed()).toEqual(['1.0 extra']);
});

test('a key may be an array', async () => {
  const { ask, listed } = await scene('int[]', `insert into o values ('{1,2}'), ('{3}')`);
  await ask(...Array.from({ length: 500 }, (_, i) => `{${i},2}`), '{3}');
  expect(await listed()).toEqual(['{1,2} missing', '{3} missing']);
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { evenkeel, folder } from '../cli/run.ts';
import { contents } from '../examples/contents.ts';
import { freshDatabase } from '../support/database.ts';

const table = 'create table t (id int primary key, a int not null, b int, c int);';
const twice =
  '-- evenkeel: should\n-- says: b is twice a\n-- on: t\n-- heal: set\n-- mode: heal\nselect id, 2 * a as b from t';
const stuck =
  '-- evenkeel: broken\n-- says: No c is that small\n-- on: t\n-- heal: set a\n-- mode: heal\nselect id, a from t where c < -2';

test(
  'the live database is never written, though DATABASE_URL names it; what was not healed is said, and exits with 1',
  { timeout: 240_000 },
  async () => {
    const db = await freshDatabase();
    await db.sql(`${table} insert into t select g, g, 0 from generate_series(1, 30) g`);
    const before = await contents(db);
    const cwd = await folder({ 'twice.sql': twice, 'stuck.sql': stuck });
    await writeFile(join(cwd, 'schema.sql'), table);
    const ran = await evenkeel({ url: db.url, cwd }, 'drill', '--schema', 'schema.sql');
    expect(ran.stdout).toMatch(
      /^invariant +broken +capture +sweep +healed +silent +undone +typically +mutants +score$/m,
    );
    expect(ran.stdout).toMatch(/^twice +\d+ .* 100 %$/m);
    expect(ran.stdout).toMatch(/^stuck +(\d+) .* 0\/\1 /m);
    expect(ran.stdout).toMatch(/^ {2}not healed {2}.* t /m);
    expect([ran.stderr, ran.code]).toEqual(['', 1]);

    expect(await contents(db)).toEqual(before);
    expect(await db.sql(`select nspname from pg_namespace where nspname = 'evenkeel'`)).toEqual([]);
    expect(await db.sql('select pubname from pg_publication')).toEqual([]);
    expect(
      await db.sql('select slot_name from pg_replication_slots where database = current_database()'),
    ).toEqual([]);
  },
);

test('a schema that fails to load is said with its line, and a source has to be given', async () => {
  const cwd = await folder({ 'twice.sql': twice });
  await writeFile(join(cwd, 'schema.sql'), `${table}\ncreate table b (id nonsense);`);
  const failed = await evenkeel({ cwd }, 'drill', '--schema', 'schema.sql');
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('schema.sql:2: create table b')]);
  expect((await evenkeel({ cwd }, 'drill')).code).toBe(2);
  expect((await evenkeel({ cwd }, 'drill', '--schema', 'a', '--like', 'postgres://b')).code).toBe(2);
});

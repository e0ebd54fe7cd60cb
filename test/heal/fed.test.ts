import { expect, test } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { at, makeDue, stageOn } from '../support/stage.ts';

const header = (says: string, rest: string) => `-- evenkeel: should
-- says: ${says}
-- mode: heal
-- guard: none
-- grace: 0s
${rest}`;

const files = {
  path: header(
    'A node knows its path',
    `-- on: nodes\n-- heal: set\nselect id, '/' || id as path from nodes`,
  ),
  mirror: header(
    'The mirror has each path',
    `-- on: mirrors\n-- heal: set; insert\nselect id, path from nodes`,
  ),
};

/** The mirror is healed from a path that is itself about to be healed, by somebody else at the same moment. */
test('a heal waits for one that reads what it writes, and leaves nothing stale behind', async () => {
  const db = await freshDatabase();
  await db.sql(`
    create table nodes (id int primary key, path text);
    create table mirrors (id int primary key, path text);
    insert into nodes values (1, 'old')`);
  const stage = await stageOn(db, files);
  await stage.sweep();
  const reader = await stage.healUntil(at.journal, 'mirror', 1);
  expect(await stage.heal('path', 1)).toMatchObject({ healed: 0, collided: true });
  expect(await reader.go()).toMatchObject({ healed: 1 });
  await makeDue(db);
  expect(await stage.heal('path', 1)).toMatchObject({ healed: 1 });
  expect(await db.sql('select path from nodes union all select path from mirrors')).toEqual([
    { path: '/1' },
    { path: '/1' },
  ]);
});

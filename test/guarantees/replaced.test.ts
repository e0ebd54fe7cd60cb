/** A table that is made anew while a process runs is another table: nothing is written by what was known of the old one. */
import { expect, test } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { stageOn } from '../support/stage.ts';
import { until } from '../support/wait.ts';

const files = {
  stuck: `-- evenkeel: broken
-- says: No job stays stuck
-- on: jobs
-- heal: set status
-- mode: heal
-- grace: 0s
select id, 'failed' as status from jobs where status = 'stuck'`,
};

const jobs = `create table jobs (id int primary key, status text); insert into jobs values (1, 'stuck')`;

test('what was bound to the old table neither heals nor parks a row of the new one', async () => {
  const db = await freshDatabase();
  await db.sql(jobs);
  const stage = await stageOn(db, files);
  await stage.sweep();
  await db.sql(`begin; drop table jobs; ${jobs}; commit`);
  await expect(stage.heal('stuck')).rejects.toMatchObject({ code: 'unknown-table' });
  expect(await db.sql('select state from evenkeel.violation')).toEqual([{ state: 'open' }]);
});

test('a running process binds the new one by itself, and heals it', async () => {
  const db = await freshDatabase();
  await db.sql(jobs);
  const engine = await keelOn(db, files).engine();
  engine.start();
  const heals = async () => (await db.sql(`select from jobs where status = 'failed'`)).length === 1;
  await until(heals, { what: 'the old table to heal', timeoutMs: 40_000 });
  await db.sql(`begin; drop table jobs; ${jobs}; commit`);
  await until(heals, { what: 'the new table to heal', timeoutMs: 40_000 });
  await engine.stop();
  expect(await db.sql(`select state from evenkeel.violation`)).toEqual([]);
});

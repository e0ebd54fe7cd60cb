/** Rows stay locked for a second in all, however many statements a heal takes. The table's own trigger makes it slow here. */
import { expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { makeDue, stageOn } from '../support/stage.ts';

const files = {
  stuck: `-- evenkeel: broken
-- says: No job stays stuck
-- on: jobs
-- heal: set status
-- touches: audit
-- mode: heal
-- grace: 0s
select id, 'failed' as status from jobs where status = 'stuck'`,
};

/** `n` stuck jobs; to write one takes `ms`. With `touches`, each is a statement of its own. */
async function jobs(n: number, ms: number): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`create table jobs (id int primary key, status text);
    create table audit (id int);
    insert into jobs select n, 'stuck' from generate_series(1, ${n}) n;
    create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(${ms / 1000}); return new; end $$;
    create trigger slow before update on jobs for each row execute function slow()`);
  return db;
}

const failed = async (db: FreshDatabase) => (await db.sql(`select from jobs where status = 'failed'`)).length;

test('a batch that would take longer in all is given up, and smaller ones get there', async () => {
  const db = await jobs(6, 500);
  const stage = await stageOn(db, files, { lockedMs: 1_500 });
  await stage.sweep();
  expect(await stage.heal('stuck', 6)).toMatchObject({ healed: 0, collided: true });
  expect(await failed(db)).toBe(0);
  expect(await stage.heal('stuck', 1)).toMatchObject({ healed: 1 });
  expect(await failed(db)).toBe(1);
});

test('what takes longer even alone is tried ever later, then parked with the reason', async () => {
  const db = await jobs(1, 60_000);
  const stage = await stageOn(db, files, { lockedMs: 400 });
  await stage.sweep();
  for (let attempt = 1; attempt <= 5; attempt++) {
    expect(await db.sql('select state, attempts from evenkeel.violation')).toEqual([
      { state: 'open', attempts: attempt - 1 },
    ]);
    expect(await stage.heal('stuck', 1)).toMatchObject({ healed: 0, collided: true });
    await makeDue(db);
  }
  expect(await db.sql('select state, reason from evenkeel.violation')).toMatchObject([
    { state: 'parked', reason: expect.stringMatching(/timeout|longer than/) },
  ]);
  expect(await failed(db)).toBe(0);
});

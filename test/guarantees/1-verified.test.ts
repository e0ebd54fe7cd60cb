/**
 * A heal commits only if it worked: after the write, and after everything deferred has run, the invariant is asked again
 * and must be silent. Held up by `verify` (heal/apply.ts).
 */
import { expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { makeDue, stageOn } from '../support/stage.ts';

const files = {
  doubled: `-- evenkeel: should
-- says: b is twice a
-- on: t
-- heal: set
-- mode: heal
-- touches: t
-- grace: 0s
select id, 2 * a as b from t`,
};

/** Row 1 is wrong and some trigger keeps it so; row 2 is wrong, and healed like any other. */
async function stubborn(trigger: string): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(
    `create table t (id int primary key, a int, b int); insert into t values (1, 1, 7), (2, 2, 7)`,
  );
  await db.sql(trigger);
  return db;
}

const before = `
  create function keep() returns trigger language plpgsql as $$ begin
    if new.id = 1 then new.b := 7; end if; return new; end $$;
  create trigger keep before update on t for each row execute function keep()`;

/** Undoes it at the end of the transaction: whoever asks before deferred triggers have run is deceived. */
const deferred = `
  create function keep() returns trigger language plpgsql as $$ begin
    if new.id = 1 and new.b <> 7 then update t set b = 7 where id = 1; end if; return null; end $$;
  create constraint trigger keep after update on t deferrable initially deferred
    for each row execute function keep()`;

/** Lets the statement pass and the row not. */
const nothing = `
  create function keep() returns trigger language plpgsql as $$ begin
    return case when new.id = 1 then null else new end; end $$;
  create trigger keep before update on t for each row execute function keep()`;

test.each([
  ['a trigger that changes the value', before],
  ['a deferred trigger that changes it back', deferred],
  ['a trigger that skips the row', nothing],
])('against %s no heal commits; it is tried again, then parked with its reason', async (_, trigger) => {
  const db = await stubborn(trigger);
  const stage = await stageOn(db, files);
  await stage.sweep();
  for (let attempts = 1; attempts <= 5; attempts++) {
    await stage.heal('doubled');
    expect(
      await db.sql('select state, attempts, due_at > clock_timestamp() as later from evenkeel.violation'),
    ).toEqual([{ state: attempts < 5 ? 'open' : 'parked', attempts, later: true }]);
    await makeDue(db);
  }
  expect(await db.sql('select reason from evenkeel.violation')).toEqual([
    { reason: 'it is still broken after the write' },
  ]);
  expect(await db.sql('select id, b from t order by id')).toEqual([
    { id: 1, b: 7 },
    { id: 2, b: 4 },
  ]);
  expect(await db.sql('select subject from evenkeel.entry')).toEqual([{ subject: ['2'] }]);
  expect(await db.sql(`select kind, invariant from evenkeel.alert`)).toEqual([
    { kind: 'parked', invariant: 'doubled' },
  ]);
});

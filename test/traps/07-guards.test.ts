/**
 * Trap 7. Workers that count and then heal count the same budget twice.
 *
 * Held up by heal/guard.ts `budgetLeft`: a lock on the invariant's budget, held from the count to the commit.
 */
import { expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { at, makeDue, stageOn } from '../support/stage.ts';

const files = {
  stuck: `-- evenkeel: broken
-- says: No job stays stuck
-- on: jobs
-- heal: set status
-- guard: 5/hour
-- mode: heal
-- grace: 0s
select id, 'failed' as status from jobs where status = 'stuck'`,
};

async function jobs(n: number): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`create table jobs (id int primary key, status text);
    insert into jobs select n, case when n <= ${n} then 'stuck' end from generate_series(1, 1000) n`);
  return db;
}

const failed = async (db: FreshDatabase) => (await db.sql(`select from jobs where status = 'failed'`)).length;
const held = async (db: FreshDatabase) =>
  (await db.sql('select held_why as why from evenkeel.invariant'))[0]?.why as string | null;

test('two workers share one budget: the second counts what the first is about to commit', async () => {
  const db = await jobs(10);
  const stage = await stageOn(db, files);
  await stage.sweep();
  // Counted already, and far from committed.
  const first = await stage.healUntil(at.lock, 'stuck', 4);
  expect(await stage.heal('stuck', 4)).toMatchObject({ healed: 0, collided: true });
  expect(await first.go()).toMatchObject({ healed: 4 });
  expect(await stage.heal('stuck', 4)).toMatchObject({ healed: 1, written: 1 });
  expect(await held(db)).toBeNull();
  await makeDue(db);
  expect(await stage.heal('stuck', 4)).toMatchObject({ healed: 0 });
  expect(await held(db)).toBe('its guard of 5/hour is used up');
  expect(await failed(db)).toBe(5);
  expect(await db.sql('select kind from evenkeel.alert')).toEqual([{ kind: 'held' }]);
});

test('what is rolled back costs nothing of the budget', async () => {
  const db = await jobs(5);
  const stage = await stageOn(db, files);
  await stage.sweep();
  const first = await stage.healUntil(at.commit, 'stuck', 5);
  await db.sql('select pg_terminate_backend($1, 10000)', [first.pid]);
  await expect(first.go()).rejects.toThrow();
  expect(await stage.heal('stuck', 5)).toMatchObject({ healed: 5 });
});

test('the budget comes back as the hour rolls on, and not a minute earlier', async () => {
  const db = await jobs(6);
  const stage = await stageOn(db, files);
  await stage.sweep();
  await stage.heal('stuck', 5);
  const age = (by: string) => db.sql(`update evenkeel.pulse set minute = minute - $1::interval`, [by]);
  await age('60 minutes');
  await makeDue(db);
  await stage.heal('stuck');
  expect([await failed(db), await held(db)]).toEqual([5, 'its guard of 5/hour is used up']);
  await age('2 minutes');
  await db.sql(`update evenkeel.invariant set held_at = null, held_why = null`);
  await stage.heal('stuck');
  expect([await failed(db), await held(db)]).toEqual([6, null]);
});

test('heals that others set off take from their own budget', async () => {
  const db = await freshDatabase();
  await db.sql(`
    create table lines (id int primary key, order_id int not null, price int not null, total int not null);
    create table orders (id int primary key, total int not null);
    insert into orders select n, 0 from generate_series(1, 4) n;
    insert into lines select n, n, 5, 0 from generate_series(1, 4) n;
    create index on lines (order_id)`);
  const stage = await stageOn(db, {
    'a-line': `-- evenkeel: should
-- says: A line costs its price
-- on: lines
-- heal: set
-- mode: heal
-- grace: 0s
select id, price as total from lines`,
    'b-order': `-- evenkeel: should
-- says: An order sums its lines
-- on: orders
-- heal: set
-- guard: 2/hour
-- mode: heal
-- grace: 0s
select o.id, coalesce(sum(l.total), 0) as total from orders o left join lines l on l.order_id = o.id group by o.id`,
  });
  await stage.sweep();
  for (let n = 0; n < 3; n++) {
    await stage.heal('a-line', 1);
    await makeDue(db);
  }
  expect(await db.sql('select from orders where total > 0')).toHaveLength(2);
  // Rather no heal at all than one that leaves the order wrong.
  expect(await db.sql('select from lines where total > 0')).toHaveLength(2);
  expect(await db.sql(`select reason from evenkeel.violation where attempts > 0`)).toEqual([
    { reason: 'it would break b-order, whose guard is used up' },
  ]);
});

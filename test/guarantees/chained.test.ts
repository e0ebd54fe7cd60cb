/** Guarantee 2, where a heal sets off another and that one can't be done: neither is, and only the guilty wait for a person. */
import { expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { makeDue, stageOn } from '../support/stage.ts';

const files = {
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
-- mode: heal
-- grace: 0s
select o.id, coalesce(sum(l.total), 0) as total from orders o left join lines l on l.order_id = o.id group by o.id`,
};

/** Lines 1 and 2 are wrong, of orders 10 and 20; line 3 came right before it could be healed. */
async function shop(more = ''): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`
    create table orders (id int primary key, total int not null);
    create table lines (id int primary key, order_id int not null, price int not null, total int not null);
    create index on lines (order_id);
    insert into orders values (10, 0), (20, 0), (30, 0);
    insert into lines values (1, 10, 5, 0), (2, 20, 5, 0), (3, 30, 5, 0);
    ${more}`);
  return db;
}

async function healed(db: FreshDatabase) {
  const stage = await stageOn(db, files);
  await stage.sweep();
  await db.sql('update lines set price = 0 where id = 3');
  for (let round = 0; round < 3; round++) {
    await stage.heal('a-line');
    await makeDue(db);
  }
  return {
    totals: await db.sql(
      'select o.id, o.total, l.total as line from orders o join lines l on order_id = o.id order by 1',
    ),
    parked: await db.sql(`select invariant, key, reason from evenkeel.violation where state = 'parked'`),
  };
}

test('one whose order can’t be written is parked with both names; the other lines heal', async () => {
  const db = await shop(`
    create function refuse() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger refuse before update on orders for each row when (new.id = 10) execute function refuse()`);
  const { totals, parked } = await healed(db);
  expect(totals).toEqual([
    { id: 10, total: 0, line: 0 },
    { id: 20, total: 5, line: 5 },
    { id: 30, total: 0, line: 0 },
  ]);
  expect(parked).toEqual([
    { invariant: 'a-line', key: ['1'], reason: 'it would break b-order: it is still broken after the write' },
  ]);
});

test('an order that a person holds is left alone on the way, too', async () => {
  const db = await shop();
  await stageOn(db, files);
  await db.sql(`insert into evenkeel.leave (invariant, key, by) values ('b-order', '{20}', 'a person')`);
  const { totals, parked } = await healed(db);
  expect(totals).toEqual([
    { id: 10, total: 5, line: 5 },
    { id: 20, total: 0, line: 0 },
    { id: 30, total: 0, line: 0 },
  ]);
  expect(parked).toEqual([{ invariant: 'a-line', key: ['2'], reason: 'it would break b-order' }]);
});

/**
 * Trap 4. A heal and the application wait for each other's rows, and Postgres ends the application's transaction with 40P01.
 *
 * Held up by heal/batch.ts (lock_timeout 200 ms, below deadlock_timeout: the heal loses first) and heal/rows.ts (rows that
 * others hold are skipped, so that a heal waits for nobody before it writes).
 */
import { expect, test } from 'vitest';
import { pidOf, untilBlocked } from '../support/blocked.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { at, makeDue, shutGate, stageOn } from '../support/stage.ts';

const files = {
  expired: `-- evenkeel: broken
-- says: Carts that expired are gone
-- on: carts
-- heal: remove
-- mode: heal
-- grace: 0s
-- touches: items
select id from carts where expired`,
  totals: `-- evenkeel: should
-- says: A cart counts its items
-- on: carts
-- heal: set
-- mode: heal
-- grace: 0s
select c.id, count(i.id) as items from carts c left join items i on i.cart_id = c.id group by c.id`,
};

async function carts(n: number): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`
    create table carts (id int primary key, expired bool not null default false, items int not null default 0);
    create table items (id int primary key, cart_id int not null references carts on delete cascade, n int default 1);
    create index on items (cart_id);
    insert into carts select generate_series(1, ${n});
    insert into items select generate_series(1, ${n}), generate_series(1, ${n})`);
  return db;
}

test('where the two wait for each other, the heal gives up and the application goes on', async () => {
  const db = await carts(1);
  await db.sql('update carts set expired = true, items = 1');
  await db.sql(`alter database "${db.name}" set deadlock_timeout = '20s'`);
  const gate = await shutGate(db);
  await db.sql(`create function wait() returns trigger language plpgsql as $$ begin perform gate(); return old; end $$;
    create trigger wait before delete on carts for each row execute function wait()`);
  const stage = await stageOn(db, files);
  await stage.sweep();
  const heal = stage.heal('expired');
  // It holds the cart, and is about to reach for the item.
  const healer = await gate.reached();
  const app = await db.client();
  const pid = await pidOf(app);
  // Were it left to Postgres, it would be the application that is ended: the heal looks for deadlocks only later.
  await app.query(`set deadlock_timeout = '3s'`);
  await app.query('begin');
  await app.query('update items set n = 2');
  const update = app.query('update carts set items = 2');
  update.catch(() => undefined);
  expect(await untilBlocked(db.pool, pid)).toEqual([healer]);
  await gate.open();
  await expect(update).resolves.toMatchObject({ rowCount: 1 });
  await app.query('commit');
  expect(await heal).toMatchObject({ healed: 0, collided: true });
  expect(await db.sql('select items, n from carts join items on cart_id = carts.id')).toEqual([
    { items: 2, n: 2 },
  ]);
});

test('a row that somebody holds costs the others nothing', async () => {
  const db = await carts(5);
  const stage = await stageOn(db, files);
  await stage.sweep();
  const app = await db.client();
  await app.query('begin');
  await app.query('select from carts where id = 3 for update');
  expect(await stage.heal('totals')).toMatchObject({ claimed: 5, healed: 4 });
  await app.query('rollback');
  await makeDue(db);
  expect(await stage.heal('totals')).toMatchObject({ claimed: 1, healed: 1 });
  expect(await db.sql('select from carts where items <> 1')).toEqual([]);
});

test('two heals of the same rows share them out', async () => {
  const db = await carts(6);
  const stage = await stageOn(db, { totals: files.totals.replace('-- mode', '-- guard: none\n-- mode') });
  await stage.sweep();
  const first = await stage.healUntil(at.journal, 'totals', 3);
  expect(await stage.heal('totals', 6)).toMatchObject({ claimed: 3, healed: 3 });
  expect(await first.go()).toMatchObject({ claimed: 3, healed: 3 });
  expect(await db.sql('select from evenkeel.entry')).toHaveLength(6);
});

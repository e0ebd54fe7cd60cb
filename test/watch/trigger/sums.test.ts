/** Sums that a transaction keeps in step are not asked for, told by triggers, too. */
import { expect, test } from 'vitest';
import type { Bound } from '../../../src/ask/bind.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { createPool } from '../../../src/db/pool.ts';
import type { Watched } from '../../../src/watch/capture/capture.ts';
import { capturePlan } from '../../../src/watch/capture/plan.ts';
import { TriggerCapture } from '../../../src/watch/capture/trigger/trigger.ts';
import { Tracer } from '../../../src/watch/tracer.ts';
import { type FreshDatabase, freshDatabase } from '../../support/database.ts';
import { until } from '../../support/wait.ts';
import { bindOn, should } from '../binding.ts';
import { ddlOf, install, listen, watch, whyNot } from './scene.ts';

const tables = `
  create table shops (id int primary key, total numeric(12,2) not null default 0, paid int not null default 0);
  create table sales (id int primary key, shop_id int, amount numeric(12,2), state text);
  insert into shops values (1, 3, 1), (2, 0, 0); insert into sales values (1, 1, 1, 'paid'), (2, 1, 1, null), (3, 1, 1, null)`;
const invariant = should(
  'shops',
  `select s.id, coalesce(sum(l.amount), 0) as total, count(l.id) filter (where l.state = 'paid') as paid
     from shops s left join sales l on l.shop_id = s.id group by s.id`,
);

async function shops(): Promise<{ db: FreshDatabase; bound: Bound; plans: Watched[] }> {
  const db = await freshDatabase();
  await db.sql(tables);
  await migrate(db.pool);
  const { it } = await bindOn(db, { it: invariant });
  if (!it) throw new Error('not bound');
  // As dear as sums over many rows are.
  const bound = { ...it, costs: { ...it.costs, lateral: 5_000 } };
  return { db, bound, plans: capturePlan([bound]) };
}

/** Which shops each of these transactions has suspected. */
async function suspected(
  db: FreshDatabase,
  bound: Bound,
  plans: readonly Watched[],
  transactions: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>> {
  const pool = createPool(db.url, 3);
  const capture = new TriggerCapture(pool);
  const tracer = new Tracer(() => {});
  tracer.follow([bound], plans);
  const found: Record<string, unknown> = {};
  try {
    await capture.start(plans, tracer);
    for (const [name, statements] of Object.entries({ nothing: 'select', ...transactions })) {
      await db.sql(`begin; ${statements}; commit`);
      const [{ now }] = await db.sql('select clock_timestamp() as now');
      await until(() => Promise.resolve((capture.toldUntil()?.getTime() ?? 0) > now.getTime()), {
        what: 'everything to be told',
      });
      const { keys } = tracer.of('it') ?? { keys: undefined };
      const taken = keys?.take(100, performance.now(), () => true) ?? [];
      keys?.done(taken, 0);
      found[name] = taken.map(({ key }) => key.join()).toSorted();
    }
    tracer.noted(tracer.toSweep);
    capture.acknowledge(tracer.floor ?? 0n);
  } finally {
    // What was acknowledged isn't told again.
    await capture.stop();
    await pool.end();
  }
  return found;
}

const inStep = {
  sold: `insert into sales values (4, 2, 5, 'paid'); update shops set total = total + 5, paid = paid + 1 where id = 2`,
  dearer: `update sales set amount = amount + 2 where shop_id = 1; update shops set total = total + 6 where id = 1`,
  moved: `update sales set shop_id = 2 where id = 1; update shops set total = total - 3, paid = paid - 1 where id = 1;
    update shops set total = total + 3, paid = paid + 1 where id = 2`,
  cancelled: `delete from sales where id = 2; update shops set total = total - 3 where id = 1`,
  swapped: `update sales set amount = 7 - amount where id in (3, 4); update shops set total = total + 1 where id = 1;
    update shops set total = total - 3 where id = 2`,
};
const outOfStep = {
  sold: `insert into sales values (5, 2, 5, null)`,
  'paid twice': `update shops set paid = paid + 1 where id = 1`,
  moved: `update sales set shop_id = 1 where id = 4`,
  opened: `insert into shops values (3, 0, 0)`,
  gone: `delete from shops where id = 3`,
  renamed: `update shops set id = 4 where id = 2`,
};

test('what a transaction keeps in step is not asked, and the rest is', async () => {
  const { db, bound, plans } = await shops();
  await install(db, plans);
  expect(await suspected(db, bound, plans, inStep)).toEqual({
    nothing: [],
    sold: [],
    dearer: [],
    moved: [],
    cancelled: [],
    swapped: [],
  });
  expect(await suspected(db, bound, plans, outOfStep)).toEqual({
    nothing: [],
    sold: ['2'],
    'paid twice': ['1'],
    moved: ['1', '2'],
    opened: ['3'],
    gone: ['3'],
    renamed: ['2', '4'],
  });
});

test('triggers that tell less are as good as before, and are made anew by the next install', async () => {
  const { db, bound, plans } = await shops();
  await install(
    db,
    plans.map(one => ({ ...one, summed: undefined })),
  );
  expect(await whyNot(db, plans)).toEqual([undefined, undefined]);
  expect(await suspected(db, bound, plans, { sold: inStep.sold, dearer: inStep.dearer })).toEqual({
    nothing: [],
    sold: ['2'],
    dearer: ['1'],
  });
  expect(await ddlOf(db, plans)).not.toEqual([]);
  await install(db, plans);
  expect(await ddlOf(db, plans)).toEqual([]);
  // More than is needed does no harm.
  expect(
    await whyNot(
      db,
      plans.map(one => ({ ...one, summed: undefined })),
    ),
  ).toEqual([undefined, undefined]);
  expect(await suspected(db, bound, plans, { cancelled: inStep.cancelled })).toEqual({
    nothing: [],
    cancelled: [],
  });
});

test('each row of an update is told, as it was and as it is, also where several are alike', async () => {
  const { db } = await shops();
  const [sales] = await watch(db, { sales: ['shop_id'] });
  const watched = [{ ...(sales as Watched), extra: ['amount'], summed: ['amount'] }];
  await install(db, watched);
  const { told, quiet } = await listen(db, watched);
  await db.sql(`update sales set amount = 2 where state is null`);
  await quiet();
  expect(told.rows).toEqual(['sales update 1,1.00 → 1,2.00', 'sales update 1,1.00 → 1,2.00']);
});

/** From a committed change to its violation, its cause and its heal, without any sweep: by a slot and by triggers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine.ts';
import { evenkeel, folder } from '../cli/run.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { until } from '../support/wait.ts';

const header = (says: string, on: string) => `-- evenkeel: should
-- says: ${says}
-- on: ${on}
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
`;
const files = {
  'order-total': `${header('An order sums its lines', 'orders')}
select o.id, coalesce(sum(l.cents), 0) as total from orders o left join lines l on l.order_id = o.id group by o.id`,
  'customer-spent': `${header('A customer sums their lines', 'customers')}
select c.id, coalesce(sum(l.cents), 0) as spent
  from customers c left join orders o on o.customer_id = c.id left join lines l on l.order_id = o.id group by c.id`,
};
const schema = `
  create table customers (id int primary key, spent bigint not null default 0);
  create table orders (id int primary key, customer_id int references customers, total bigint not null default 0);
  create table lines (id int primary key, order_id int references orders, cents bigint not null);
  create index on orders (customer_id); create index on lines (order_id);
  insert into customers select g from generate_series(1, 20) g;
  insert into orders select g, 1 + g % 20 from generate_series(1, 200) g;`;

describe.each(['slot', 'triggers'] as const)('by %s', kind => {
  let db: FreshDatabase;
  let engine: Engine;

  beforeAll(async () => {
    db = await freshDatabase();
  });

  test('begins', async () => {
    await db.sql(schema);
    if (kind === 'slot')
      await db.sql('alter table lines replica identity full; alter table orders replica identity full');
    else {
      const named = Object.entries(files).map(([name, text]) => [`${name}.sql`, text] as const);
      const cwd = await folder(Object.fromEntries(named));
      expect(await evenkeel({ url: db.url, cwd }, 'install', '--triggers')).toMatchObject({ code: 0 });
    }
    engine = await keelOn(db, files, { EVENKEEL_CAPTURE: kind }).engine();
    engine.start();
    await until(
      async () =>
        (await db.sql(`select from evenkeel.capture where kind = '${kind}' and verified_at is not null`))
          .length > 0,
      { what: 'capture to begin' },
    );
    await until(
      async () =>
        (await db.sql('select from evenkeel.invariant where proved_at is null or stale_since is not null'))
          .length === 0,
      { what: 'the first sweep' },
    );
    // No sweep from now on.
    await db.sql(`update evenkeel.invariant set next_pass_at = 'infinity'`);
  });
  afterAll(() => engine.stop());

  const settled = () =>
    until(
      async () =>
        (
          await db.sql(`select from orders o where total <> (select coalesce(sum(cents), 0) from lines where order_id = o.id)
            union all select from customers c where spent <> (select coalesce(sum(cents), 0) from lines join orders o on o.id = order_id
              where customer_id = c.id)`)
        ).length === 0,
      { what: 'everything to be right' },
    );

  test('a new line', async () => {
    await db.sql('insert into lines values (1, 7, 100)');
    expect(await settled()).toBe(true);
    const [entry] = await db.sql(
      `select after, before, cause->>'table' as cause from evenkeel.entry where invariant = 'order-total' order by id desc limit 1`,
    );
    expect(entry).toEqual({ before: { total: '0' }, after: { total: '100' }, cause: 'public.lines' });
  });

  test('a line that moves: both orders and both customers', async () => {
    await db.sql('insert into lines values (2, 8, 100)');
    expect(await settled()).toBe(true);
    await db.sql('update lines set order_id = 9 where id = 2');
    expect(await settled()).toBe(true);
    expect(await db.sql('select total from orders where id in (8, 9) order by id')).toEqual([
      { total: '0' },
      { total: '100' },
    ]);
  });

  test('an order that moves to another customer', async () => {
    await db.sql('update orders set customer_id = 3 where id = 9');
    expect(await settled()).toBe(true);
  });

  test('lines that go', async () => {
    await db.sql('delete from lines');
    expect(await settled()).toBe(true);
  });

  test('many in one transaction', async () => {
    await db.sql('insert into lines select 1000 + g, 1 + g % 200, g from generate_series(1, 5000) g');
    expect(await settled()).toBe(true);
  });

  test('says up to when it looked', async () => {
    const [before] = await db.sql('select verified_at as at from evenkeel.capture');
    const goesOn = async () =>
      (await db.sql('select verified_at as at from evenkeel.capture'))[0].at > before.at;
    expect(await until(goesOn, { what: 'freshness to go on while nothing happens' })).toBe(true);
  });

  test('truncate is looked at as a whole', async () => {
    await db.sql('truncate lines');
    expect(await settled()).toBe(true);
  });
});

import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { evenkeel, folder, start } from './run.ts';

const heads = (says: string, on: string, heal: string) =>
  `-- evenkeel: should\n-- says: ${says}\n-- on: ${on}\n-- heal: ${heal}\n-- mode: heal\n-- grace: 0s\n`;

/** Each remedy, a view, a sequence and a cascade: all that takes rights. */
const files = {
  'total.sql': `${heads('An order sums its lines', 'orders', 'set')}select order_id as id, amount as total from order_sums`,
  'mirror.sql': `${heads('A mirror holds what orders hold', 'mirror', 'set; insert; remove')}select id, total as seen from orders`,
  'paid.sql':
    '-- evenkeel: broken\n-- says: A payment is in the book\n-- on: payments\n-- heal: insert book(payment_id, amount)\n-- mode: heal\n' +
    '-- grace: 0s\nselect p.id, p.id as payment_id, p.amount from payments p where not exists (select from book b where b.payment_id = p.id)',
  'lone.sql':
    '-- evenkeel: broken\n-- says: A parcel has an order\n-- on: parcels\n-- heal: remove\n-- touches: parcel_items\n-- mode: heal\n' +
    '-- grace: 0s\nselect id from parcels p where not exists (select from orders o where o.id = p.order_id)',
};

const schema = `
  create table orders (id int primary key, total int not null default 0, note text);
  create table order_lines (id int primary key, order_id int references orders, amount int);
  create view order_sums as select o.id as order_id, coalesce(sum(l.amount), 0)::int as amount
    from orders o left join order_lines l on l.order_id = o.id group by o.id;
  create table mirror (id int primary key, seen int, code text default 'x');
  create table payments (id int primary key, amount int);
  create table book (id serial primary key, payment_id int, amount int);
  create table parcels (id int primary key, order_id int);
  create table parcel_items (id int primary key, parcel_id int references parcels on delete cascade);
  insert into orders select g, 10 from generate_series(1, 30) g;
  insert into order_lines select g, g, 10 from generate_series(1, 30) g;
  insert into mirror select g, 10 from generate_series(1, 30) g;
  insert into payments values (1, 5);
  insert into parcels values (1, 1), (2, 77);
  insert into parcel_items values (1, 1), (2, 2);
  update orders set total = 11 where id = 1; delete from mirror where id = 2; insert into mirror values (99, 1); analyze`;

let db: FreshDatabase;
beforeEach(async () => {
  db = await freshDatabase();
  await db.sql(schema);
});

/** A role of its own, gone with the test, and its URL. */
async function role(): Promise<{ name: string; url: string }> {
  const name = `keeper_${db.name}`;
  await db.sql(`create role ${name} login password 'keeps'; revoke create on schema public from public`);
  onTestFinished(() => db.sql(`drop owned by ${name}; drop role ${name}`).then(() => undefined));
  const url = new URL(db.url);
  url.username = name;
  url.password = 'keeps';
  return { name, url: url.href };
}

test('--print applies nothing, and what it prints is enough for a role that may do nothing else', async () => {
  const cwd = await folder(files);
  const { name, url } = await role();
  const printed = await evenkeel({ url: db.url, cwd }, 'install', '--print', '--role', name);
  expect(printed).toMatchObject({ code: 0, stderr: '' });
  expect(await db.sql(`select to_regnamespace('evenkeel') as there`)).toEqual([{ there: null }]);
  // No more than it needs: columns, where they are known.
  expect(printed.stdout).toContain(
    `grant select, update ("total") on public.orders to "${name}";  -- lone, mirror, total`,
  );
  expect(printed.stdout).toContain(`grant select on public.order_lines to "${name}";  -- total`);
  expect(printed.stdout).toContain(
    `grant select, insert ("payment_id", "amount") on public.book to "${name}";`,
  );

  const refused = await evenkeel({ url, cwd }, 'up', '--once');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('error[no-rights]: the role may not create the schema evenkeel');

  await db.sql(printed.stdout);
  const ran = await evenkeel({ url, cwd }, 'up', '--once', '--json');
  expect([ran.json(), ran.stderr.match(/"level":[45]0.*/g)]).toMatchObject([
    { open: 0, parked: 0, held: [], failed: [] },
    null,
  ]);
  expect(await db.sql('select count(*)::int as n from mirror where seen = 10')).toEqual([{ n: 30 }]);
  expect(await db.sql('select count(*)::int as n from book')).toEqual([{ n: 1 }]);
  expect(await db.sql('select id from parcels')).toEqual([{ id: 1 }]);

  // Its heals can be undone with the same rights.
  for (const invariant of ['mirror', 'total', 'paid', 'lone']) {
    const undone = await evenkeel({ url, cwd }, 'undo', '--invariant', invariant, '--since', '1h', '--json');
    expect([invariant, undone.json().refused]).toEqual([invariant, []]);
  }
  expect(await db.sql('select total from orders where id = 1')).toEqual([{ total: 11 }]);
  expect(await db.sql('select id from mirror where id in (2, 99)')).toEqual([{ id: 99 }]);
  expect(await db.sql('select id from parcel_items order by 1')).toEqual([{ id: 1 }, { id: 2 }]);
  expect(await db.sql('select sum(amount)::int as sum from book')).toEqual([{ sum: 0 }]);
});

test('--role grants the same at once', async () => {
  const cwd = await folder(files);
  const { name, url } = await role();
  const ran = await evenkeel({ url: db.url, cwd }, 'install', '--role', name, '--json');
  expect(ran.json()).toMatchObject({ applied: true, steps: expect.any(Number) });
  const again = await evenkeel({ url: db.url, cwd }, 'install', '--role', name, '--json');
  expect(again.json()).toEqual({ ...ran.json(), steps: 0 });
  const up = await evenkeel({ url, cwd }, 'up', '--once');
  expect([up.code, up.stdout]).toEqual([0, expect.stringContaining('open 0 ')]);
});

test('an invariant that can not be bound is said, and nothing is granted for half of them', async () => {
  const cwd = await folder({ ...files, 'bad.sql': files['total.sql'].replace('on: orders', 'on: odrers') });
  const { name } = await role();
  const ran = await evenkeel({ url: db.url, cwd }, 'install', '--role', name);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain('there is no table odrers');
  expect(await db.sql(`select to_regnamespace('evenkeel') as there`)).toEqual([{ there: null }]);
});

test('says where row-level security would hide rows', async () => {
  await db.sql('alter table order_lines enable row level security');
  const cwd = await folder(files);
  const ran = await evenkeel({ url: db.url, cwd }, 'install', '--print');
  expect(ran.stdout).toContain('-- public.order_lines has row-level security');
});

test('install needs no invariants; uninstall asks, and then leaves no trace', async () => {
  const traces = () =>
    db.sql(`select 'relation' as kind, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname !~ '^(pg_|information_schema)'
            union all select 'schema', nspname from pg_namespace where nspname !~ '^pg_'
            union all select 'function', proname from pg_proc p where pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
            union all select 'trigger', tgname from pg_trigger where not tgisinternal
            union all select 'defaults', defaclobjtype::text from pg_default_acl order by 1, 2`);
  const before = await traces();
  const cwd = await folder({});
  expect(await evenkeel({ url: db.url, cwd }, 'install')).toMatchObject({
    code: 0,
    stdout: 'the schema evenkeel is installed\n',
  });
  expect((await evenkeel({ url: db.url, cwd }, 'install')).stdout).toBe(
    'the schema evenkeel was installed already\n',
  );

  const busy = await folder(files);
  const up = await start({ url: db.url, cwd: busy }, 'up');
  await up.says(/keeping/);
  expect((await evenkeel({ url: db.url, cwd }, 'uninstall')).code).toBe(2);
  const running = await evenkeel({ url: db.url, cwd }, 'uninstall', '--yes');
  expect(running.code).toBe(1);
  expect(running.stderr).toContain('is running');
  up.process.kill('SIGTERM');
  expect(await up.ended).toBe(0);

  const gone = await evenkeel({ url: db.url, cwd }, 'uninstall', '--yes', '--json');
  expect(gone.json()).toEqual({ dropped: true, entries: expect.any(Number) });
  expect(await traces()).toEqual(before);
  expect((await evenkeel({ url: db.url, cwd }, 'uninstall', '--yes')).stdout).toContain('nothing to do');
});

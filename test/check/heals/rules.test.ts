import { beforeAll, describe, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../../support/database.ts';
import { broken, checked, should } from './cases.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(`create type kind as enum ('small', 'large');
    create domain percent as int check (value between 0 and 100);
    create table people (id int primary key, name text);
    create table accounts (id int primary key, plan text not null check (plan in ('free', 'pro')), seats int not null check (seats > 0),
      kind kind not null, part percent, status text, note text, locked_by text, at timestamptz, closed_at timestamptz,
      owner_id int references people, "Odd ""name" boolean, check (kind <> 'small' or seats <= 10));
    create table orders (id int primary key, account_id int not null references accounts on delete cascade, total int not null,
      state text not null, code text not null);
    create table lines (id int primary key, order_id int not null, amount int not null);
    create table ledger (id int generated always as identity primary key, order_id int not null, amount int not null, why text not null);
    create table stamped (id int primary key, a int not null, b int not null, touched timestamptz);
    create function stamp() returns trigger language plpgsql as 'begin new.touched := now(); return new; end';
    create trigger stamp before update on stamped for each row execute function stamp();
    create table coded (id int primary key, code text unique, part int, constraint later check (part > 0));
    alter table coded drop constraint later, add constraint later check (part > 0) not valid;
    create table spelled (id int primary key, ref uuid, code text check (code = '7'));
    create table meddled (id int primary key, a int not null, b int not null);
    create function meddle() returns trigger language plpgsql as 'begin new.b := new.a; return new; end';
    create trigger meddle before update on meddled for each row execute function meddle()`);
});

/** Findings of one rule: severity, then the invariants' names; of these files. */
async function found(rule: string, files: Readonly<Record<string, string>>, role?: string) {
  const all = (await checked(db, files, role)).filter(one => one.rule === rule);
  return {
    all,
    brief: all.map(({ severity, with: others = [] }) =>
      [severity, ...others.map(({ name }) => name)].join(' '),
    ),
  };
}
const set = (columns: string, values: string, where: string, on = 'accounts') =>
  broken(on, `set ${columns}`, `select id, ${values} from ${on} where ${where}`);

describe('EK401 heal-rejected', () => {
  test.each([
    ['a CHECK, whatever the row', set('seats', '-1 as seats', 'seats > 5'), ['error']],
    ['a CHECK that ties it to other columns', set('kind', "'small' as kind", 'seats > 5'), ['warning']],
    ['a domain', set('part', '101 as part', 'part is null'), ['error']],
    ['NOT NULL', set('plan', 'null::text as plan', 'seats = 7'), ['error']],
    ['no label of the enum', set('kind', "'medium' as kind", 'seats = 7'), ['error']],
    ['a value out of the list', set('plan', "'gold' as plan", "plan = 'free'"), ['error']],
    ['a value that another row may hold', set('code', "'x' as code", "code = 'y'", 'coded'), ['undecided']],
    [
      'a uuid in another spelling',
      set('ref', "'{a0eebc999c0b4ef8bb6d6bb9bd380a11}' as ref", 'ref is null', 'spelled'),
      [],
    ],
    [
      'text that a cast makes another',
      set('code', "'007'::int::text as code", 'code is null', 'spelled'),
      [],
    ],
    ['NULL, which no other row holds', set('code', 'null::text as code', "code = 'y'", 'coded'), []],
    ['NULL of another column', set('status', 'note as status', "status = 'x'"), []],
    ['what the CHECKs allow', set('kind', "'large' as kind", "kind = 'small'"), []],
    ['a foreign key that hangs on rows', set('owner_id', '1 as owner_id', 'owner_id is null'), ['undecided']],
    ['a foreign key set to NULL', set('owner_id', 'null::int as owner_id', 'owner_id = 1'), []],
    [
      'a foreign key from its own table',
      broken(
        'accounts',
        'set owner_id',
        'select a.id, p.id as owner_id from accounts a join people p on p.name = a.note where a.owner_id is null',
      ),
      [],
    ],
    [
      'an insert without a column that must be given',
      broken(
        'orders',
        'insert ledger(order_id, amount)',
        'select o.id, o.id as order_id, o.total as amount from orders o where not exists (select from ledger l where l.order_id = o.id)',
      ),
      ['error'],
    ],
    [
      'an insert with all of them',
      broken(
        'orders',
        'insert ledger(order_id, amount, why)',
        "select o.id, o.id as order_id, o.total as amount, 'x' as why from orders o where not exists (select from ledger l where l.order_id = o.id)",
      ),
      [],
    ],
    [
      'a missing row without what it needs',
      should(
        'orders',
        'insert',
        'select l.order_id as id, sum(l.amount)::int as total from lines l group by 1',
      ),
      ['error'],
    ],
  ])('%s', async (_, text, expected) => {
    expect((await found('EK401', { it: text })).brief).toEqual(expected);
  });

  test('names the constraint and a row', async () => {
    const { all } = await found('EK401', { it: set('kind', "'small' as kind", "kind = 'large'") });
    expect(all[0]).toMatchObject({ fragment: "'small' as kind", line: 5, witness: { kind: 'large' } });
    expect(all[0]?.by.join()).toContain('CHECK');
    expect(Number(all[0]?.witness?.['seats'])).toBeGreaterThan(10);
  });
});

describe('EK402 heal-ineffective', () => {
  test.each([
    ['writes what it does not ask about', set('note', "'x' as note", "status = 'stuck'"), ['error']],
    [
      'mends some rows only',
      set('status', "'done' as status", "status = 'stuck' or note = 'stuck'"),
      ['warning'],
    ],
    ['mends it', set('status', "'done' as status", "status = 'stuck'"), []],
    ['mends it by NULL', set('locked_by', 'null::text as locked_by', 'locked_by is not null'), []],
    [
      'mends it with the clock',
      set('closed_at', 'now() as closed_at', "status = 'closed' and closed_at is null"),
      [],
    ],
    [
      'looks at the clock too',
      set('status', "'failed' as status", "status = 'stuck' and at < now() - interval '1 hour'"),
      [],
    ],
    ['removes it', broken('accounts', 'remove', "select id from accounts where status = 'gone'"), []],
    ['computes a value without end', set('seats', 'seats + 1 as seats', 'seats = 1'), ['undecided']],
    ['a quoted column', set('"Odd ""name"', 'false as "Odd ""name"', '"Odd ""name"'), []],
    ['a trigger that stamps another column', set('a', '0 as a', 'a = 1', 'stamped'), []],
    ['a trigger that does more', set('a', '0 as a', 'a = 1', 'meddled'), ['undecided']],
    [
      'what should be, from other tables',
      should(
        'orders',
        'set',
        'select o.id, coalesce(sum(l.amount), 0)::int as total from orders o left join lines l on l.order_id = o.id group by o.id',
      ),
      [],
    ],
    [
      'what should be, from what it writes',
      should('orders', 'set', 'select id, total + 1 as total from orders'),
      ['undecided'],
    ],
    [
      'a join, left by what is written',
      broken(
        'orders',
        'set state',
        "select o.id, 'void' as state from orders o join accounts a on a.id = o.account_id where o.state = 'open' and a.plan = 'free'",
      ),
      [],
    ],
    [
      'a join, not left by it',
      broken(
        'orders',
        'set code',
        "select o.id, 'x' as code from orders o join accounts a on a.id = o.account_id where o.state = 'open' and a.plan = 'free'",
      ),
      ['undecided'],
    ],
  ])('%s', async (_, text, expected) => {
    expect((await found('EK402', { it: text })).brief).toEqual(expected);
  });

  test('too many combinations are said', async () => {
    const columns = Array.from({ length: 12 }, (_, i) => `c${i}`);
    await db.sql(
      `create table if not exists wide (id int primary key, ${columns.map(name => `${name} int not null`).join(', ')})`,
    );
    const where = columns.map((name, i) => `${name} <> ${i}`).join(' and ');
    const { all } = await found('EK402', { it: set('c0', '0 as c0', where, 'wide') });
    expect(all.map(({ severity, message }) => [severity, message])).toEqual([
      ['undecided', expect.stringContaining('are more than 100000')],
    ]);
  });
});

const upgrade = set('plan', "'pro' as plan", "plan = 'free' and seats > 10");
const downgrade = set('plan', "'free' as plan", "plan = 'pro' and seats > 10");

describe('EK403 oscillation', () => {
  test('two heals undo each other: the way is printed', async () => {
    const { all, brief } = await found('EK403', { downgrade, upgrade });
    expect(brief).toEqual(['error upgrade']);
    expect(all[0]?.trace).toHaveLength(3);
    expect(all[0]?.trace?.slice(1).sort()).toEqual([
      "downgrade: plan 'pro' → 'free'",
      "upgrade: plan 'free' → 'pro'",
    ]);
    expect(Number(all[0]?.witness?.['seats'])).toBeGreaterThan(10);
  });
  test('three in a ring', async () => {
    const step = (from: string, to: string) => set('status', `'${to}' as status`, `status = '${from}'`);
    expect((await found('EK403', { a: step('x', 'y'), b: step('y', 'z'), c: step('z', 'x') })).brief).toEqual(
      ['error b c'],
    );
    expect((await found('EK403', { a: step('x', 'y'), b: step('y', 'z'), c: step('z', 'w') })).brief).toEqual(
      [],
    );
  });
  test('conditions that exclude each other, by themselves or by a CHECK, come to rest', async () => {
    const down = set('plan', "'free' as plan", "plan = 'pro' and seats <= 10");
    expect((await found('EK403', { down, upgrade })).brief).toEqual([]);
    const never = set('plan', "'free' as plan", "plan = 'pro' and seats > 10 and kind = 'small'");
    expect((await found('EK403', { never, upgrade })).brief).toEqual([]);
  });
  test('what the clock says is assumed where it can be tried, and said where it can not', async () => {
    const late = "at < now() - interval '1 hour'";
    const a = set('status', "'failed' as status", `status = 'stuck' and ${late}`);
    const b = set('status', "'stuck' as status", `status = 'failed' and ${late}`);
    const c = set('status', "'stuck' as status", `status = 'done' and ${late}`);
    expect((await found('EK403', { a, b })).brief).toEqual(['error b']);
    expect((await found('EK403', { a, c })).brief).toEqual([]);
    const touching = set('status, at', "'stuck' as status, now() as at", `status = 'failed'`);
    expect((await found('EK403', { a, touching })).brief).toEqual(['undecided touching']);
    const [json, other] = [`note::json ->> 'a' = 'x'`, `note::json ->> 'a' = 'y'`];
    const d = set('status', "'failed' as status", `status = 'stuck' and note is not null and ${json}`);
    const e = set('status', "'stuck' as status", `status = 'failed' and note is not null and ${other}`);
    expect((await found('EK403', { d, e })).brief).toEqual(['undecided e']);
  });
  test('what a trigger may prevent is no error', async () => {
    const a = set('a', '2 as a', 'a = 1', 'meddled');
    const b = set('a', '1 as a', 'a = 2', 'meddled');
    expect((await found('EK403', { a, b })).brief).toEqual(['warning b']);
  });
  test('across tables: each writes what the other reads', async () => {
    const a = should(
      'orders',
      'set',
      'select o.id, a.seats as total from orders o join accounts a on a.id = o.account_id',
    );
    const b = should(
      'accounts',
      'set',
      'select a.id, max(o.total) as seats from accounts a join orders o on o.account_id = a.id group by a.id',
    );
    const { all, brief } = await found('EK403', { a, b });
    expect(brief).toEqual(['undecided b']);
    expect(all[0]?.trace).toHaveLength(2);
    const c = should(
      'orders',
      'set',
      'select o.id, coalesce(sum(l.amount), 0)::int as total from orders o left join lines l on l.order_id = o.id group by o.id',
    );
    expect((await found('EK403', { b, c })).brief).toEqual([]);
  });
});

describe('EK404 order-dependent', () => {
  test('both ends are printed', async () => {
    const a = set('status', "'left' as status", 'status is null');
    const b = set('status', "'right' as status", 'status is null');
    const { all, brief } = await found('EK404', { a, b });
    expect(brief).toEqual(['warning b']);
    expect(all[0]?.trace).toEqual([
      'status = NULL',
      "a: status NULL → 'left'",
      'status = NULL',
      "b: status NULL → 'right'",
    ]);
  });
  test('set and remove', async () => {
    const a = set('status', "'left' as status", 'status is null');
    const b = broken('accounts', 'remove', 'select id from accounts where status is null and seats = 3');
    expect((await found('EK404', { a, b })).brief).toEqual(['warning b']);
  });
  test('the same end, other columns, other rows', async () => {
    const a = set('status', "'left' as status", 'status is null');
    expect(
      (await found('EK404', { a, b: set('status', "'left' as status", 'status is null and seats = 1') }))
        .brief,
    ).toEqual([]);
    expect((await found('EK404', { a, b: set('note', "'n' as note", 'note is null') })).brief).toEqual([]);
    expect(
      (await found('EK404', { a, b: set('status', "'right' as status", "status = 'wrong'") })).brief,
    ).toEqual([]);
  });
  test('what can not be told apart is said', async () => {
    const a = set('status, closed_at', "'done' as status, now() as closed_at", "status = 'open'");
    const b = set(
      'status, closed_at',
      "'done' as status, now() - interval '1 day' as closed_at",
      "status = 'open'",
    );
    expect((await found('EK404', { a, b })).brief).toEqual(['undecided b']);
    // That it is written at all can be told.
    expect(
      (await found('EK404', { a, b: set('status', "'done' as status", "status = 'open'") })).brief,
    ).toEqual(['warning b']);
  });
});

describe('EK405 creates-violation', () => {
  const closed = set('status', "'closed' as status", "status = 'shut'");
  test('shown on a row, with what follows', async () => {
    const dated = set('note', "'dated' as note", "status = 'closed' and note is null");
    const watched = broken(
      'accounts',
      '',
      "select id from accounts where status = 'closed' and note is null",
    );
    const { all, brief } = await found('EK405', { closed, dated });
    expect(brief).toEqual(['info dated']);
    expect(all[0]?.witness).toMatchObject({ status: 'shut', note: null });
    expect((await found('EK405', { closed, watched })).brief).toEqual(['warning watched']);
  });
  test('not where the schema or the conditions rule it out', async () => {
    const other = set('note', "'dated' as note", "status = 'open' and note is null");
    expect((await found('EK405', { closed, other })).brief).toEqual([]);
  });
  test('across tables by columns, and dropped where no row is looked at', async () => {
    const total = should(
      'orders',
      'set',
      'select o.id, coalesce(sum(l.amount), 0)::int as total from orders o left join lines l on l.order_id = o.id group by o.id',
    );
    const seats = should(
      'accounts',
      'set',
      'select a.id, max(o.total) as seats from accounts a join orders o on o.account_id = a.id group by a.id',
    );
    const codes = broken(
      'lines',
      '',
      "select l.id from lines l join orders o on o.id = l.order_id where o.code = ''",
    );
    expect((await found('EK405', { total, seats, codes })).brief).toEqual(['info seats']);
    const voided = broken(
      'orders',
      'set state',
      "select id, 'void' as state from orders where state = 'open'",
    );
    const paid = broken(
      'lines',
      '',
      "select l.id from lines l join orders o on o.id = l.order_id where o.state = 'paid'",
    );
    const open = broken(
      'lines',
      '',
      "select l.id from lines l join orders o on o.id = l.order_id where o.state = 'open'",
    );
    expect((await found('EK405', { voided, paid, open })).brief).toEqual(['info open']);
  });
});

describe('EK406 observable-order', () => {
  const celery = (where: string) =>
    broken('accounts', 'celery app.sync(id)', `select id from accounts where ${where}`);
  test.each([
    ["status = 'open'", 'seats > 3', ['warning b']],
    ["status = 'open'", "status = 'done'", []],
    ["status = 'open'", 'exists (select from orders o where o.account_id = accounts.id)', ['undecided b']],
  ])('%s and %s', async (a, b, expected) => {
    expect((await found('EK406', { a: celery(a), b: celery(b) })).brief).toEqual(expected);
  });
  test('other tables, and one alone', async () => {
    const b = broken('orders', 'celery app.sync(id)', 'select id from orders where total > 3');
    expect((await found('EK406', { a: celery('seats > 3'), b })).brief).toEqual([]);
  });
});

describe('EK503 sweep-backed', () => {
  test('which occurrence, and why', async () => {
    const { all } = await found('EK503', {
      it: broken('orders', '', 'select o.id from orders o where o.total > (select max(total) from orders)\n'),
    });
    expect(all.map(({ severity }) => severity)).toContain('info');
    expect(all[0]?.message).toMatch(/orders is not followed: /);
    expect(
      (await found('EK503', { it: broken('orders', '', 'select id from orders where total < 0') })).brief,
    ).toEqual([]);
  });
});

describe('EK501 ungranted-write', () => {
  test('rights column by column, and sequences', async () => {
    const role = `check_${Math.random().toString(36).slice(2)}`;
    await db.sql(`create role ${role} login; grant usage on schema public to ${role}; grant select on all tables in schema public to ${role};
      create table if not exists notes (id serial primary key, account_id int not null);
      grant select on notes to ${role}; grant update (status) on accounts to ${role}`);
    try {
      const as = (files: Readonly<Record<string, string>>) => found('EK501', files, role);
      const { brief: fine } = await as({ it: set('status', "'x' as status", "status = 'y'") });
      expect(fine).toEqual([]);
      const { all } = await as({ it: set('status, note', "'x' as status, 'n' as note", "status = 'y'") });
      expect(all.map(({ by, fix }) => [by, fix])).toEqual([
        [['no update on public.accounts (note)'], `grant update ("note") on public.accounts to "${role}";`],
      ]);
      const { all: more } = await as({
        it: broken(
          'accounts',
          'insert notes(account_id)',
          'select a.id, a.id as account_id from accounts a where not exists (select from notes n where n.account_id = a.id)',
        ),
      });
      expect(more.flatMap(({ by }) => by)).toEqual([
        'no update on public.accounts (id)',
        'no insert on public.notes (account_id)',
        'no usage on sequence notes_id_seq',
      ]);
    } finally {
      await db.sql(`drop owned by ${role}; drop role ${role}`);
    }
  });
  test('cascades that are not declared', async () => {
    const gone = (touches: string) =>
      broken('accounts', `remove${touches}`, "select id from accounts where status = 'gone'");
    const { all } = await found('EK501', { it: gone('') });
    expect(all.map(({ message }) => message)).toEqual([
      expect.stringMatching(/writes public\.orders, which `touches`/),
    ]);
    expect((await found('EK501', { it: gone('\n-- touches: orders') })).brief).toEqual([]);
    expect((await found('EK501', { it: set('status', "'x' as status", "status = 'y'") })).brief).toEqual([]);
  });
  test('triggers whose writes are not known', async () => {
    await db.sql(`create table if not exists audited (id int primary key, a int not null); create table if not exists audit (id int);
      create or replace function audit() returns trigger language plpgsql as 'begin insert into audit values (new.id); return new; end';
      create or replace trigger audit after update of a on audited for each row execute function audit()`);
    expect((await found('EK501', { it: set('a', '0 as a', 'a < 0', 'audited') })).brief).toEqual([
      'undecided',
    ]);
    expect(
      (
        await found('EK501', {
          it: set('a', '0 as a', 'a < 0', 'audited').replace('\nselect', '\n-- touches: audit\nselect'),
        })
      ).brief,
    ).toEqual([]);
    expect((await found('EK501', { it: set('a', '0 as a', 'a = 1', 'stamped') })).brief).toEqual([]);
  });
});

describe('EK502 unindexed-recheck', () => {
  const total = should(
    'orders',
    'set',
    'select o.id, coalesce(sum(l.amount), 0)::int as total from orders o left join lines l on l.order_id = o.id group by o.id',
  );
  test('the index that mends it, tried', async () => {
    const { all, brief } = await found('EK502', { it: total });
    expect(brief).toEqual(['info']);
    expect(all[0]).toMatchObject({
      fragment: 'lines',
      fix: 'create index concurrently on public.lines ("order_id");',
    });
    await db.sql(`insert into lines select g, g % 5000, 1 from generate_series(1, 20000) g; analyze lines`);
    expect((await found('EK502', { it: total })).brief).toEqual(['warning']);
    await db.sql(all[0]?.fix ?? '');
    expect((await found('EK502', { it: total })).brief).toEqual([]);
    await db.sql('drop index lines_order_id_idx; truncate lines');
  });
  test('an index that the query keeps the key from, and no column that leads there', async () => {
    await db.sql('create index by_order on lines (order_id)');
    const cast = broken(
      'orders',
      '',
      'select o.id from orders o join lines l on l.order_id::text = o.id::text where l.amount < 0',
    );
    expect((await found('EK502', { it: cast })).all.flatMap(({ by }) => by)).toEqual([
      'no column of it leads to the key',
    ]);
    await db.sql('drop index by_order');
  });
  test('a key that is asked by its own index', async () => {
    expect((await found('EK502', { it: set('status', "'x' as status", "status = 'y'") })).brief).toEqual([]);
  });
});

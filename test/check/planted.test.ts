import { beforeAll, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { asked } from './asked.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(`create type stage as enum ('draft', 'live', 'gone');
    create domain share as numeric(5,2) check (value between 0 and 100);
    create domain code as text check (value ~ '^[A-Z]{3}$');
    create table plans (code text primary key check (code in ('free', 'team', 'legacy')), seats int not null check (seats > 0));
    create table tenants (id int primary key check (id > 0), plan text not null references plans, parent_id int references tenants,
      slug text not null unique, trial_ends date, ends date, check (trial_ends <= ends));
    create table users (id uuid primary key, tenant_id int not null references tenants, role text check (role in ('owner', 'member')),
      stage stage not null, active boolean not null, banned boolean not null, score double precision, share share,
      invited timestamptz not null, joined timestamptz, email text not null, logins int not null check (logins >= 0),
      label text generated always as (case when banned then 'banned' else 'fine' end) stored,
      check (joined >= invited), check (not (active and banned)), unique (tenant_id, email));
    create table bills (tenant_id int not null references tenants, month date not null, net numeric(10,2) not null check (net >= 0),
      tax numeric(10,2) not null, gross numeric(10,2) not null, state text not null check (state in ('open', 'paid', 'void')),
      paid_at timestamptz, low smallint not null, high smallint not null, note text, country code,
      primary key (tenant_id, month), check (low < high), check ((state = 'paid') = (paid_at is not null)));
    create table loose (id int primary key, kind text, tenant_id int, amount numeric);
    alter table loose add constraint kinds check (kind in ('a', 'b')) not valid;
    create table log (id bigint, day date not null, primary key (id, day), state text check (state <> 'x')) partition by range (day);
    create table log_1 partition of log for values from ('2026-01-01') to ('2027-01-01');
    create table bare (n int not null check (n in (1, 2)), t text)`);
});

const users = (where: string) => `select id from users where ${where}`;
const bills = (where: string) => `select tenant_id, month from bills where ${where}`;
const tenants = (where: string) => `select id from tenants where ${where}`;

/** What is wrong with it, by the rule that says so; the fault in each is one that somebody makes. */
const mistakes: [string, string][] = [
  ['EK101', bills('low > high')],
  ['EK101', bills('high - 0 > 0 and low >= high')],
  ['EK101', bills("state = 'paid' and paid_at is null")],
  ['EK101', bills("state = 'open' and paid_at is not null")],
  ['EK101', bills("net > 5 and (state = 'open' or net < 0)")],
  ['EK103', bills('low = 32767')],
  ['EK101', bills('coalesce(net, 0) < 0')],
  ['EK101', bills("state not in ('open', 'paid', 'void')")],
  ['EK101', users('active and banned')],
  ['EK101', users("label = 'banned' and active")],
  ['EK103', users("label = 'odd'")],
  ['EK101', users('joined < invited')],
  ['EK101', users("stage not in ('draft', 'live', 'gone')")],
  ['EK101', users("(case stage when 'draft' then 1 else 2 end) = 3")],
  ['EK101', users('share > 100')],
  ['EK101', tenants('trial_ends > ends')],
  ['EK101', tenants('parent_id < 1')],
  ['EK101', 'select u.id from users u join tenants t on t.id = u.tenant_id where u.tenant_id < 0'],
  [
    'EK101',
    'select u.id from users u join tenants t on t.id = u.tenant_id where t.id <> u.tenant_id and u.active',
  ],
  ['EK101', 'select a.id from tenants a join tenants b on a.id = b.id where a.slug <> b.slug'],
  [
    'EK101',
    'select x.id from tenants x, (select id from users where active and banned) y where x.ends is null',
  ],
  ['EK102', bills("state in ('open', 'paid', 'void') and net > 1")],
  ['EK102', bills('low < high')],
  ['EK102', users('logins >= 0')],
  ['EK102', users('not (active and banned)')],
  ['EK102', bills('low <> high')],
  ['EK103', bills("state = 'payed'")],
  ['EK103', bills("state in ('open', 'opened')")],
  ['EK103', users("role = 'admin'")],
  ['EK103', tenants("plan = 'tem'")],
  ['EK103', tenants('parent_id = 0')],
  ['EK103', users("role <> 'onwer' and role is not null")],
  ['EK103', "select tenant_id, month, case state when 'opne' then 1 else 2 end as x from bills"],
  [
    'EK103',
    "select t.id from tenants t left join bills b on b.tenant_id = t.id and b.state = 'paydi' group by t.id",
  ],
  ['EK104', "select id, case stage when 'draft' then 1 when 'live' then 2 end as x from users"],
  [
    'EK104',
    "select tenant_id, month, case when state = 'open' then 1 when state = 'void' then 2 end as x from bills",
  ],
  ['EK104', "select id, case plan when 'free' then 1 when 'team' then 2 end as x from tenants"],
  ['EK104', "select id, case role when 'owner' then 1 when 'member' then 2 end as x from users"],
  ['EK105', tenants('slug is null')],
  ['EK105', 'select u.id from users u left join tenants t on t.id = u.tenant_id where t.id is null'],
  ['EK105', 'select tenant_id from users group by tenant_id, email having count(*) > 1'],
  ['EK201', users("role <> 'owner'")],
  ['EK201', users("role not in ('owner')")],
  ['EK201', tenants("not (ends > date '2026-01-01')")],
  ['EK202', tenants('id not in (select parent_id from tenants)')],
  ['EK301', users('random() < 0.1')],
  ['EK301', bills('paid_at::date = month')],
  ['EK301', users('email = session_user')],
  [
    'EK302',
    'select id, (select b.note from bills b where b.tenant_id = t.id order by b.net limit 1) as x from tenants t',
  ],
  ['EK302', 'select distinct on (tenant_id) id from users order by tenant_id, invited'],
  ['EK303', "select tenant_id as id, string_agg(email, ',') as x from users group by tenant_id"],
  ['EK303', 'select tenant_id as id, avg(score) as x from users group by tenant_id'],
  ['EK304', users('score = 0.3')],
];

/** Nothing is wrong with these, though each is like one of those above. */
const controls: string[] = [
  bills('low < high - 1'),
  bills("state = 'paid' and paid_at > '2026-01-01'"),
  bills("state = 'open' and note is null"),
  bills("net > 5 and (state = 'open' or net > 100)"),
  bills('low = 32766'),
  bills('coalesce(net, 0) = 0'),
  bills("state in ('open', 'void')"),
  bills('net + tax is distinct from gross'),
  bills('gross < net'),
  bills("country is not null and note = 'x'"),
  users('active or banned'),
  users("label = 'banned' and not active"),
  users('joined > invited'),
  users("stage in ('draft', 'live')"),
  users('share = 100'),
  users("email like '%@%' and logins > 5"),
  users('share is null and score is null'),
  tenants('trial_ends = ends'),
  tenants('parent_id = 1'),
  tenants("plan = 'legacy'"),
  'select u.id from users u join tenants t on t.id = u.tenant_id where u.tenant_id > 5 and t.ends is null',
  'select a.id from tenants a join tenants b on a.parent_id = b.id where a.slug <> b.slug',
  'select a.id from tenants a join tenants b on a.parent_id = b.id where a.ends > b.ends',
  users("role = 'owner' and role is not null"),
  users("role is distinct from 'owner'"),
  users("role is not null and role <> 'owner'"),
  "select id from loose where kind = 'c'",
  "select id from loose where kind is null or kind <> 'a'",
  'select l.id from loose l left join tenants t on t.id = l.tenant_id where t.id is null',
  "select id from log where state = 'y' and day = '2026-02-03'",
  "select id, case stage when 'draft' then 1 when 'live' then 2 else 3 end as x from users",
  "select id, case stage when 'draft' then 1 when 'live' then 2 when 'gone' then 3 end as x from users",
  'select tenant_id as id, count(case when active then 1 when banned then 2 end) as x from users group by tenant_id',
  "select id, case email when 'a' then 1 when 'b' then 2 end as x from users",
  'select t.id from tenants t left join users u on u.tenant_id = t.id where u.id is null',
  'select tenant_id from bills group by tenant_id having count(*) > 1',
  tenants('id not in (select parent_id from tenants where parent_id is not null)'),
  tenants('not exists (select from tenants c where c.parent_id = tenants.id)'),
  bills("paid_at < now() - interval '1 hour'"),
  bills("(paid_at at time zone 'UTC')::date = month"),
  users("invited < now() and stage = 'draft'"),
  'select id, (select b.note from bills b where b.tenant_id = t.id order by b.month desc limit 1) as x from tenants t',
  'select distinct on (tenant_id) id from users order by tenant_id, invited, id',
  'select id from users order by id limit 5',
  "select tenant_id as id, string_agg(email, ',' order by email) as x from users group by tenant_id",
  'select tenant_id as id, avg(logins) as x from users group by tenant_id',
  users('score > 0.3'),
  users('score = 0'),
  'select n from bare where n = 1',
  "select t.id from tenants t left join bills b on b.tenant_id = t.id and b.state = 'paid' group by t.id having count(b.tenant_id) > 3",
];

test('enough of both', () => {
  expect(mistakes.length + controls.length).toBeGreaterThan(60);
  expect(controls.length).toBeGreaterThanOrEqual(30);
});

test.each(mistakes)('%s: %s', async (rule, sql) => {
  const { findings } = await asked(db, sql, { on: 'tenants' });
  const told = findings.filter(({ severity }) => severity !== 'undecided');
  expect([...new Set(told.map(one => one.rule))]).toEqual([rule]);
  for (const one of told)
    expect(one.by.length > 0).toBe(['EK101', 'EK102', 'EK103', 'EK105'].includes(one.rule));
});

test.each(controls)('nothing: %s', async sql => {
  const { findings } = await asked(db, sql, { on: 'tenants' });
  expect(findings.filter(({ severity }) => severity !== 'undecided')).toEqual([]);
});

test('what is not relied on is said, and what is too much to try, too', async () => {
  const { unused } = await asked(db, "select id from loose where kind = 'c'");
  expect(unused).toEqual(['kinds']);
  const many = Array.from({ length: 9 }, (_, i) => `c${i} int`).join(', ');
  await db.sql(`create table wide (id int primary key, ${many})`);
  const where = Array.from({ length: 9 }, (_, i) => `c${i} < c${(i + 1) % 9}`).join(' and ');
  const { findings } = await asked(db, `select id from wide where ${where}`);
  expect(
    findings.map(({ rule, severity, message }) => [rule, severity, /combinations/.test(message)]),
  ).toContainEqual(['EK101', 'undecided', true]);
});

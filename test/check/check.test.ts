import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { healRules } from '../../src/check/heals/rules/index.ts';
import { queryRules, rules } from '../../src/check/rules/index.ts';
import { evenkeel, folder } from '../cli/run.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { asked, brief } from './asked.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(`create type size as enum ('small', 'large');
    create domain percent as int check (value between 0 and 100);
    create table orders (id int primary key, status text not null constraint status_known check (status in ('open', 'paid', 'void')),
      plan text check (plan in ('free', 'pro')), size size not null, part percent, seats int, note text, at timestamptz,
      starts int not null, ends int not null, data jsonb not null, low text check (lower(low) in ('x', 'y')), at2 uuid not null, code varchar(3),
      big bigint, check (starts <= ends), check (plan <> 'free' or seats <= 10));
    alter table orders add constraint later check (seats > 0) not valid;
    create table lines (id int primary key, order_id int references orders, state text check (state in ('a', 'b')))`);
});

const found = (where: string, from = 'orders') => asked(db, `select id from ${from}\n where ${where}`);

test.each([
  ["status = 'payd'", ["EK103 error status = 'payd'"]],
  ['starts > ends', ['EK101 warning starts > ends']],
  ["size not in ('small', 'large')", ["EK101 warning size not in ('small', 'large')"]],
  ['starts > 2147483646 and ends > starts', ['EK101 warning starts > 2147483646']],
  ['part > 100', ['EK101 warning part > 100']],
  ["seats > 3 and (status = 'open' or part < 0)", ['EK101 warning part < 0']],
  ["plan = 'free' and seats > 10", ["EK101 warning plan = 'free'"]],
  ["status in ('open', 'paid', 'void')", ["EK102 warning status in ('open', 'paid', 'void')"]],
  ["lower(status) = 'shipped'", ["EK101 warning lower(status) = 'shipped'"]],
  ["plan <> 'pro'", ["EK201 warning plan <> 'pro'"]],
  ['not (seats = 1)', ['EK201 warning not (seats = 1)']],
])('%s: found', async (where, expected) => {
  expect(brief(await found(where))).toEqual(expected);
});

test.each([
  "status = 'paid'",
  'starts < ends',
  "plan is not null and plan <> 'pro'",
  "plan is null or plan <> 'pro'",
  "plan is distinct from 'pro'",
  'seats < 0',
  'seats between 1 and 2 or starts = 5',
  "code = 'abc'",
  'starts > 1 and starts < ends and ends < 4',
])('%s: nothing to find', async where => {
  expect(brief(await found(where))).toEqual([]);
});

test.each([
  'data is not null and starts = 1',
  "at2 is not null and status = 'paid'",
  'starts + 1 = 7777777',
  "low not in ('x', 'y')",
  "note ~ '^q$'",
])('%s: never proved dead', async where => {
  const dead = (await found(where)).findings.filter(({ rule }) => rule === 'EK101');
  for (const { severity } of dead) expect(severity).toBe('undecided');
});

test('the side of an outer join that may be NULL is not judged by its constraints; the other one is', async () => {
  const from = '(select o.id from orders o left join lines l on l.order_id = o.id';
  const text = (where: string) => found('true', `${from} where ${where}) x`);
  expect(brief(await text("l.state is null and o.status = 'open'"))).toEqual([]);
  expect(brief(await text("o.status = 'opn'"))).toEqual(["EK103 error o.status = 'opn'"]);
});

test('it says where, by what, what was meant, which row, and what was not relied on', async () => {
  const { findings, unused } = await found("status = 'payd'");
  expect(findings[0]).toMatchObject({
    line: 5,
    column: 8,
    fix: "did you mean 'paid'?",
    page: 'docs/rules/EK103.md',
  });
  expect(findings[0]?.by.join()).toContain('status_known');
  expect(unused).toEqual(['later']);
  expect((await found("plan <> 'pro'")).findings[0]?.witness).toMatchObject({ plan: null });
});

test('a reason in the SQL silences a rule, and --strict fails on warnings', async () => {
  const header = '-- evenkeel: broken\n-- says: A case\n-- on: orders\n';
  const cwd = await folder({
    'one.sql': `${header}select id from orders\n-- evenkeel: ignore EK201 no plan is fine\n where plan <> 'pro'`,
  });
  const ran = await evenkeel({ url: db.url, cwd }, 'check', 'one', '--json', '--strict');
  expect(ran.code).toBe(0);
  expect(ran.json().invariants[0].findings[0].ignored).toBe('no plan is fine');
  const loud = await folder({ 'one.sql': `${header}select id from orders where plan <> 'pro'` });
  expect((await evenkeel({ url: db.url, cwd: loud }, 'check')).code).toBe(0);
  const strict = await evenkeel({ url: db.url, cwd: loud }, 'check', '--strict');
  expect([strict.code, strict.stdout]).toEqual([1, expect.stringContaining('for example plan = NULL')]);
  expect((await evenkeel({ url: db.url, cwd: loud }, 'check', 'oen')).stderr).toContain(
    "did you mean 'one'?",
  );
});

test('the place is shown in its line, the mended line below it; GitHub is told on standard error', async () => {
  const cwd = await folder({
    'one.sql':
      "-- evenkeel: broken\n-- says: A case\n-- on: orders\nselect id from orders\n where seats > 3 and plan <> 'pro'",
  });
  const ran = await evenkeel({ url: db.url, cwd, env: { GITHUB_ACTIONS: 'true' } }, 'check');
  const lines = ran.stdout.split('\n');
  const at = lines.findIndex(line => line.startsWith('warning EK201'));
  expect(lines.slice(at + 1, at + 3)).toEqual([
    "   where seats > 3 and plan <> 'pro'",
    expect.stringMatching(/^ {23}\^ it is NULL/),
  ]);
  expect(lines).toContain("  -  where seats > 3 and plan <> 'pro'");
  expect(lines).toContain("  +  where seats > 3 and plan is distinct from 'pro'");
  expect(ran.stderr).toMatch(
    /^::warning file=invariants\/one\.sql,line=5,col=22,title=EK201 null-blind::it is NULL/m,
  );
});

test('an invariant whose truth is another system has no SQL to ask about', async () => {
  const cwd = await folder({
    'far.ts':
      "import { from, invariant, limit } from 'evenkeel';\n" +
      "export const far = invariant('far', { says: 'A case', on: 'orders', should: from(limit('l', { rate: '1/s' }), { get: () => [] }) });",
  });
  const ran = await evenkeel({ url: db.url, cwd }, 'check', '--json');
  expect([ran.code, ran.json().invariants]).toEqual([0, []]);
});

test('every rule has its page, and every page its rule', () => {
  const root = join(import.meta.dirname, '../../docs/rules');
  const ofDrill = [
    { id: 'EK601', name: 'undrillable' },
    { id: 'EK602', name: 'surviving-mutant' },
  ];
  const all = [...rules, ...queryRules, ...healRules, ...ofDrill];
  expect(readdirSync(root).sort()).toEqual(all.map(({ id }) => `${id}.md`).sort());
  for (const { id, name } of all) {
    const page = readFileSync(join(root, `${id}.md`), 'utf8');
    expect(page.split(/^## /m).map(part => part.split('\n')[0])).toEqual([
      `# ${id} \`${name}\``,
      'Triggered when',
      'Effect',
      'Problematic',
      'Safer',
      'How it is proved',
    ]);
  }
});

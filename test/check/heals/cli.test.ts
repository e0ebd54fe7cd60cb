import { expect, test } from 'vitest';
import { evenkeel, folder } from '../../cli/run.ts';
import { freshDatabase } from '../../support/database.ts';
import { broken } from './cases.ts';

const heal = (from: string, to: string) =>
  `-- evenkeel: ${broken('accounts', 'set plan', `select id, '${to}' as plan\n  from accounts where plan = '${from}' and seats > 10`)}`;

test('a finding names both files, also where only one of them is asked about', async () => {
  const db = await freshDatabase();
  await db.sql('create table accounts (id int primary key, plan text, seats int)');
  const cwd = await folder({ 'down.sql': heal('pro', 'free'), 'up.sql': heal('free', 'pro') });
  for (const named of [[], ['up']]) {
    const ran = await evenkeel({ url: db.url, cwd }, 'check', ...named, '--json');
    const { invariants, errors } = ran.json();
    expect([ran.code, errors]).toEqual([1, 1]);
    const [finding] = invariants.flatMap(({ findings }: { findings: Record<string, unknown>[] }) =>
      findings.filter(({ rule }) => rule === 'EK403'),
    );
    expect(finding).toMatchObject({
      severity: 'error',
      fragment: "'free' as plan",
      line: 5,
      with: [{ name: 'up', file: expect.stringMatching(/up\.sql$/) }],
      page: 'docs/rules/EK403.md',
    });
  }
  const { stdout } = await evenkeel({ url: db.url, cwd }, 'check');
  expect(stdout).toMatch(/^error EK403 oscillation {2}\S*down\.sql:5:12$/m);
  expect(stdout).toMatch(/^ {2}with \S*up\.sql \(up\)$/m);
  expect(stdout).toMatch(/: plan '(pro|free)' → '(pro|free)'$/m);
});

import { expect, test } from 'vitest';
import { cut, width, wrap } from '../../src/cli/text.ts';
import { Shown } from '../../src/cli/values.ts';
import { clean } from '../../src/show/text.ts';
import { span } from '../../src/show/time.ts';
import { difference } from '../../src/show/values.ts';
import { freshDatabase } from '../support/database.ts';
import { evenkeel, folder } from './run.ts';

test.each([
  ['plain ünïcode 日本 👍', 'plain ünïcode 日本 👍'],
  ['\x1b[31mred\x07', '\\u{1b}[31mred\\u{7}'],
  ['two\nlines\r\n\t.', 'two\\nlines\\r\\n\\t.'],
  ['\u009b2J and \u0085', '\\u{9b}2J and \\u{85}'],
  ['safe\u202egnp.exe', 'safe\\u{202e}gnp.exe'],
  ['zero\u200bwidth\ufeff', 'zero\\u{200b}width\\u{feff}'],
  ['tag\u{e0041}', 'tag\\u{e0041}'],
  ['lone \ud800 half', 'lone \\u{d800} half'],
])('%j is shown as something that can do no harm', (text, shown) => {
  expect(clean(text)).toBe(shown);
});

test('widths are those of a terminal', () => {
  expect(['abc', '日本', 'e\u0301', '👍'].map(width)).toEqual([3, 4, 1, 2]);
  expect(cut('abcdef', 6)).toBe('abcdef');
  expect(cut('abcdefg', 6)).toBe('abcde…');
  expect(width(cut('日本日本日本', 6))).toBeLessThanOrEqual(6);
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect([0, 999, 1500, 61_000, 7_200_000, 200_000_000].map(span)).toEqual([
    '0 ms',
    '999 ms',
    '1.5 s',
    '1 min',
    '2 h',
    '2 d',
  ]);
});

test('values: NULL is not the text NULL, nothing is nothing, long ones are cut', () => {
  const shown = new Shown([], 80);
  expect([null, 'NULL', '', ' x', 'x'.repeat(99)].map(value => shown.value('c', value, 10))).toEqual([
    'NULL',
    "'NULL'",
    "''",
    "' x'",
    'xxxxxxxxx…',
  ]);
  const changes = difference({ a: '1', b: null, c: 'same' }, { a: '2', b: 'x', c: 'same' });
  expect(shown.changes(changes, '  ')).toEqual(['  a  1 → 2', '  b  NULL → x']);
  expect(shown.changes(difference(null, { a: '1' }), '')).toEqual(['a  1']);
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`c${i}`, 'v']));
  expect(shown.changes(difference(many, null), '')).toHaveLength(9);
  for (const line of shown.changes(
    difference({ [`n${'a'.repeat(60)}`]: 'x'.repeat(300) }, { [`n${'a'.repeat(60)}`]: 'y'.repeat(300) }),
    '    ',
  )) {
    expect(width(line)).toBeLessThanOrEqual(80);
  }
});

test('secret columns are masked wherever a value could be shown', async () => {
  const db = await freshDatabase();
  const secret = 'k3y-of-ann@example.com';
  const token = 'n0body-sees-this';
  await db.sql(`create table accounts (email text primary key, token text, copy text, n int);
    insert into accounts values ('${secret}', '${token}', 'stale', 1), ('b@example.com', 'x', 'x', 2)`);
  const cwd = await folder({
    'copied.sql':
      '-- evenkeel: should\n-- says: copy follows token\n-- on: accounts\n-- heal: set\n-- mode: heal\n-- grace: 0s\n' +
      'select email, token as copy from accounts',
    'shown.sql':
      '-- evenkeel: broken\n-- says: n is not 1\n-- on: accounts\nselect email, token, n from accounts where n = 1',
  });
  const env = { EVENKEEL_SECRET_COLUMNS: 'email, token, copy' };
  const said: string[] = [];
  const run = async (...args: string[]) => {
    for (const more of [[], ['--json']]) {
      const ran = await evenkeel({ url: db.url, cwd, env }, ...args, ...more);
      expect(ran.stderr).not.toContain('bug:');
      said.push(`${args[0]}: ${ran.stdout}${ran.stderr}`);
    }
  };
  await run('try');
  await evenkeel({ url: db.url, cwd, env }, 'up', '--once');
  await db.sql(`update accounts set copy = 'a third' where email = '${secret}'`);
  await run('undo', '1', '--dry-run');
  await run('journal');
  await run('status', 'copied');
  await run('violations');
  const [{ id }] = await db.sql(`select id from evenkeel.violation where invariant = 'shown'`);
  await run('hold', 'shown', secret);
  await run('resume', 'shown', secret);
  await run('approve', String(id));
  for (const text of said) {
    for (const value of [secret, token, 'stale', 'a third']) expect(text).not.toContain(value);
  }
  expect(said.join('\n')).toContain('copy  *** → ***');
  expect(said.join('\n')).toContain('"copy":"***"');
});

test('an error holds no value of a row', async () => {
  const db = await freshDatabase();
  await db.sql(
    `create table t (id int primary key, secret text); insert into t values (1, 'n0body-sees-this')`,
  );
  const cwd = await folder({
    'cast.sql': '-- evenkeel: broken\n-- says: It is a number\n-- on: t\nselect id, secret::int as n from t',
  });
  for (const args of [
    ['try'],
    ['try', '--json'],
    ['up', '--once'],
    ['status'],
    ['status', '--json'],
    ['status', 'cast'],
  ]) {
    const ran = await evenkeel({ url: db.url, cwd, env: { EVENKEEL_LOG: 'debug' } }, ...args);
    expect(ran.stdout + ran.stderr).not.toContain('n0body-sees-this');
    expect(ran.code).toBe(1);
  }
});

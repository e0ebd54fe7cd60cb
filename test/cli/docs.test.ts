import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commands, common } from '../../src/cli/commands.ts';
import { flags } from '../../src/cli/flags.ts';
import { commandHelp, overview } from '../../src/cli/help.ts';
import { freshDatabase } from '../support/database.ts';
import { evenkeel, folder } from './run.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/cli.md'), 'utf8');
const section = (name: string) => text.split(`\n## ${name}\n`)[1]?.split('\n## ')[0] ?? '';
const names = Object.keys(commands);

test('docs/cli.md has what --help prints, for every command and no other', () => {
  expect(text).toContain(`\n${overview()}\n`);
  expect([...text.matchAll(/^## (.*)$/gm)].map(([, name]) => name)).toEqual(names);
  for (const [name, command] of Object.entries(commands)) {
    expect(section(name)).toContain(`\n${commandHelp(name, command)}\n`);
  }
});

test('every flag in the table belongs to a command', () => {
  const used = new Set([...Object.values(commands).flatMap(command => command.flags), ...common]);
  expect([...used].sort()).toEqual(Object.keys(flags).sort());
});

const twice =
  '-- evenkeel: should\n-- says: b is twice a\n-- on: t\n-- heal: set\n-- mode: heal\n-- grace: 0s\nselect id, 2 * a as b from t';
const none = '-- evenkeel: broken\n-- says: There is none\n-- on: u\n-- heal: remove\nselect id from u';
const big = '-- evenkeel: broken\n-- says: No a is large\n-- on: t\nselect id from t where a = 100';

test('what --json prints has the shape of the examples', { timeout: 240_000 }, async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int, b int); create table u (id int primary key);
    insert into t select g, g, 2 * g from generate_series(1, 9) g; update t set b = 0 where id in (1, 2);
    insert into u values (1)`);
  const cwd = await folder({ 'twice.sql': twice, 'none.sql': none, 'big.sql': big });
  const left = new Set(names);
  const matches = async (name: string, ...args: string[]) => {
    const printed: unknown = (await evenkeel({ url: db.url, cwd }, name, ...args, '--json')).json();
    const example: unknown = JSON.parse(/```json\n(.*?)```/s.exec(section(name))?.[1] ?? 'null');
    expect([name, shape(printed, example)]).toEqual([name, shape(example, printed)]);
    left.delete(name);
  };
  await matches('install', '--role', 'postgres');
  await matches('try');
  await matches('explain', 'twice');
  await db.sql(
    `alter table t add check (a < 100), add state text not null default 'on' check (state in ('on', 'off'))`,
  );
  await matches('check', 'big');
  await matches('types', '--out', 'db.ts');
  await writeFile(
    join(cwd, 'schema.sql'),
    'create table t (id int primary key, a int, b int); create table u (id int);',
  );
  await matches('drill', 'twice', '--schema', 'schema.sql');
  await matches('up', '--once');
  await db.sql(`select evenkeel.stop(); update evenkeel.invariant set pass_started_at = now();
    insert into evenkeel.process (id, host, pid, version, definitions)
    values (gen_random_uuid(), 'web-1', 4711, '0.1.0', '{}')`);
  await matches('status');
  await db.sql('delete from evenkeel.process');
  await matches('violations');
  const [{ id }] = await db.sql('select id from evenkeel.violation');
  await matches('approve', id, '4711');
  await matches('journal', '--limit', '1');
  await db.sql('update t set b = 7 where id = 2');
  await matches('undo', '--invariant', 'twice', '--since', '1h', '--dry-run');
  await matches('hold', 'twice', '3');
  await matches('resume', 'twice', '3');
  await matches('uninstall', '--yes');
  expect([...left]).toEqual([]);
});

/** Names and kinds of what is in it. Rows have columns of their own; null and empty lists stand for anything. */
function shape(value: unknown, other: unknown): unknown {
  if (value === null || other === null) return 'anything';
  if (Array.isArray(value)) {
    if (value.length === 0 || (Array.isArray(other) && other.length === 0)) return 'list';
    return [shape(value[0], (other as unknown[])[0])];
  }
  if (typeof value !== 'object') return typeof value;
  const rows = ['before', 'after', 'evidence', 'wanted'];
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const theirs = (other as Record<string, unknown> | undefined)?.[name];
      const row = rows.includes(name) && typeof inner === 'object' && typeof theirs === 'object';
      return [name, row ? 'row' : shape(inner, theirs)];
    }),
  );
}

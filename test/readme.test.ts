import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { commands } from '../src/cli/commands.ts';
import { settings } from '../src/config.ts';
import { parse } from '../src/declare/parse.ts';

const root = new URL('../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), 'utf8');
const readme = read('README.md');

test('the table of settings is the settings', () => {
  const rows = [...readme.matchAll(/^\| `([A-Z_]+)`\s*\|\s*(?:`([^`]*)`)?\s*\|\s*(.*?)\s*\|$/gm)].map(row =>
    row.slice(1, 4),
  );
  const wanted = Object.values(settings).map(({ name, default: otherwise, meaning }) => [
    name,
    otherwise === '' ? undefined : otherwise,
    meaning,
  ]);
  expect(rows).toEqual(wanted);
});

test.each(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs/invariants.md', 'docs/production.md'])(
  'every link of %s leads somewhere',
  name => {
    const links = [...read(name).matchAll(/\]\(([^)#]+)[^)]*\)/g)]
      .map(link => link[1] as string)
      .filter(link => !link.startsWith('http'));
    const here = new URL(name, root);
    expect(links.filter(link => !existsSync(new URL(link, here)))).toEqual([]);
  },
);

test('each guarantee links to a test', () => {
  const guarantees = readme.match(/^## What it guarantees$([\s\S]*?)^## /m)?.[1] ?? '';
  const items = guarantees.split(/^(?=\d\. )/m).filter(item => /^\d\. /.test(item));
  expect(items).toHaveLength(9);
  expect(items.filter(item => !/\]\(test\/[^)]+\.test\.ts\)/.test(item))).toEqual([]);
});

test('the commands that it types exist', () => {
  const typed = [...readme.matchAll(/(?:npx evenkeel|bin\/evenkeel\.js|`evenkeel) (\w+)/g)].map(
    match => match[1] as string,
  );
  expect(typed.length).toBeGreaterThan(2);
  expect(typed.filter(name => !(name in commands))).toEqual([]);
  const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts;
  const run = [
    ...(readme + read('CONTRIBUTING.md')).matchAll(/npm (?:run )?(start|test|lint|types|package|bench)\b/g),
  ];
  expect(run.map(match => match[1] as string).filter(name => !(name in scripts))).toEqual([]);
});

test('the invariant that it shows is one', () => {
  const shown = readme.match(/```sql\n(-- evenkeel[\s\S]*?)```/)?.[1] ?? '';
  expect(parse(shown, 'topic-posts.sql')).toMatchObject({ is: 'invariant', invariant: { mode: 'heal' } });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keys } from '../../src/declare/header.ts';
import { defaults, type Invariant } from '../../src/declare/invariant.ts';
import { durationText } from '../../src/declare/values.ts';
import { loadInvariants } from '../../src/load.ts';

const page = await readFile(new URL('../../docs/invariants.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text!);

async function load(files: Record<string, string>): Promise<Invariant[]> {
  const folder = await mkdtemp(join(tmpdir(), 'evenkeel-docs-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return (await loadInvariants(folder)).invariants;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Without the place, and without the indentation of the SQL. */
const meaning = (invariant: Invariant) => ({
  ...invariant,
  place: undefined,
  sql: invariant.sql.replace(/\s+/g, ' '),
});

describe('docs/invariants.md', () => {
  it('has examples that say the same in both forms', async () => {
    const [topics, stuck] = blocks('sql');
    const inSql = await load({ 'topic-posts.sql': topics!, 'stuck-exports.sql': stuck! });
    const inTypeScript = await load({ 'all.ts': blocks('ts').join('\n') });
    expect(inSql.map(meaning)).toEqual(inTypeScript.map(meaning));
    expect(inSql.map(invariant => invariant.name)).toEqual(['stuck-exports', 'topic-posts']);
  });

  it('lists every key once, in order, with its default', () => {
    const section = page.slice(page.indexOf('## The keys'), page.indexOf('## The remedies'));
    const rows = [...section.matchAll(/^\| `([a-z]+)` *\|.*\| (.*?) *\|$/gm)];
    expect(rows.map(([, key]) => key)).toEqual([...keys]);
    const otherwise = new Map(rows.map(([, key, text]) => [key, text]));
    expect(otherwise.get('mode')).toBe(`\`${defaults.mode}\``);
    expect(otherwise.get('guard')).toBe(`\`${defaults.guard}/hour\``);
    expect(otherwise.get('grace')).toBe(`\`${durationText(defaults.graceMs)}\``);
  });
});

import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { evenkeel } from '../cli/run.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';

const root = join(import.meta.dirname, '../..');
const bin = (name: string, path: string) =>
  join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), path);
const tsc = bin('typescript', 'bin/tsc');
const oxlint = bin('oxlint', 'bin/oxlint');

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(await readFile(join(import.meta.dirname, 'nasty.sql'), 'utf8'));
});

/** What a program says on standard output, whatever its exit code. */
const said = async (cwd: string, ...args: string[]): Promise<string> =>
  new Promise(resolve => {
    execFile(process.execPath, args, { cwd }, (_, stdout) => resolve(stdout));
  });

const compilerOptions = {
  strict: true,
  noUnusedLocals: true,
  exactOptionalPropertyTypes: true,
  target: 'es2022',
  module: 'nodenext',
  noEmit: true,
  allowImportingTsExtensions: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
  types: ['node'],
};

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'evenkeel-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, 'package.json'), '{ "type": "module" }');
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['**/*.ts'] }));
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  return dir;
}

test('what is proved is a union, what is not stays open, and all of it compiles', async () => {
  const dir = await folder();
  const ran = await evenkeel({ url: db.url, cwd: dir }, 'types', '--out', 'src/db.ts');
  expect(ran.stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/^open\.pattern stays open: /),
    expect.stringMatching(/^open\.lowered stays open: /),
    expect.stringMatching(/^open\.or_more stays open: /),
    'with.dot is no name for Kysely: it is not in DB',
    'not relied on, because not validated or not enforced: open_later',
  ]);
  expect([ran.code, ran.stdout]).toEqual([
    0,
    expect.stringMatching(/^src\/db\.ts: 20 tables, \d+ columns closed by their constraints\.\n$/),
  ]);
  await cp(join(import.meta.dirname, 'expected.txt'), join(dir, 'src/expected.ts'));
  expect(await said(dir, tsc)).toBe('');

  const written = await readFile(join(dir, 'src/db.ts'), 'utf8');
  expect(written).toContain('write it again with: npx evenkeel types --out src/db.ts\n');
  const by = (column: string) =>
    new RegExp(`/\\*\\* Closed by (.*?)\\. \\*/\\n  ${column}: `).exec(written)?.[1];
  expect(['plain', 'less', 'of_sure', 'doubled', 'tied', 'state', 'kind'].map(by)).toEqual([
    'plain_known',
    'less_list, less_not',
    'sure_check',
    'doubled_known',
    'closed_tied_check',
    'order_lines_state_check',
    'parent_kind',
  ]);
  // The same again, from standard output.
  const again = await evenkeel({ url: db.url, cwd: dir }, 'types');
  expect(again.stdout).toBe(written.replace(' --out src/db.ts', ''));
});

test('docs/types.md: what it shows is written, and each mistake is found by whom it says, in these words', async () => {
  const page = await readFile(join(root, 'docs/types.md'), 'utf8');
  const [, sql = ''] = /```sql\n(.*?)```/s.exec(page) ?? [];
  const [, shown = ''] = /```ts\n(.*?)```/s.exec(page) ?? [];
  const dir = await folder();
  await writeFile(join(dir, 'schema.sql'), sql);
  await evenkeel({ cwd: dir }, 'types', '--schema', 'schema.sql', '--out', 'closed/db.ts');
  const types = await readFile(join(dir, 'closed/db.ts'), 'utf8');
  expect(types).toContain(shown);

  const mistakes = [...page.matchAll(/^### (\d+)\. .*?```ts\n(.*?)```\n\n> (.*?)$/gms)].map(
    ([, number = '', code = '', report = '']) => ({
      name: `${number.padStart(2, '0')}.ts`,
      code,
      report,
    }),
  );
  expect(mistakes).toHaveLength(10);
  const [, missed = ''] = /Neither finds these.*?```ts\n(.*?)```/s.exec(page) ?? [];
  expect(missed).not.toBe('');
  const preamble = `import type { Kysely, Selectable } from 'kysely';
import type { DB, Plan } from './db.ts';
declare const order: Selectable<DB['orders']>;
declare const db: Kysely<DB>;
declare function tell(text: string): void;
export type Used = [typeof order, typeof db, typeof tell, Plan];
`;
  // The same with text in place of the unions.
  await mkdir(join(dir, 'open'));
  await writeFile(
    join(dir, 'open/db.ts'),
    types.replace(/'\w+'( \| '\w+')+/g, 'string').replace(/1 \| 2 \| 3/, 'number'),
  );
  for (const at of ['closed', 'open']) {
    for (const { name, code } of [...mistakes, { name: 'missed.ts', code: missed }]) {
      await writeFile(join(dir, at, name), preamble + code);
    }
  }
  const rules = {
    'typescript/no-unnecessary-condition': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { allowDefaultCaseForExhaustiveSwitch: false }],
  };
  const config = { plugins: ['typescript'], categories: { correctness: 'off' }, rules };
  await writeFile(join(dir, '.oxlintrc.json'), JSON.stringify(config));
  const compiled = await said(dir, tsc, '--pretty', 'false');
  const linted = await said(dir, oxlint, '--type-aware', '--format', 'unix', 'closed', 'open');
  const found = [
    ...[...compiled.matchAll(/^(\S+\.ts)\(\d+,\d+\): error (TS\d+: .*)$/gm)].map(
      ([, file, text]) => `${file} tsc ${text}`,
    ),
    ...[...linted.matchAll(/^(\S+\.ts):\d+:\d+: (.*) \[Error\/typescript\((.*)\)\]$/gm)].map(
      ([, file, text, rule]) => `${file} ${rule}: ${text}`,
    ),
  ];
  expect(found.sort()).toEqual([
    ...mistakes.map(({ name, report }) => `closed/${name} ${report}`),
    `open/10.ts ${mistakes[9]?.report}`,
  ]);
});

import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EvenkeelError, EvenkeelErrors } from '../src/errors.ts';
import { loadInvariants } from '../src/load.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evenkeel-load-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function files(contents: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(contents)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

const good = '-- evenkeel: broken\n-- says: x\n-- on: t\nselect id from t\n';
const ts = (name: string, body = '') => `import { invariant, set, sql } from 'evenkeel';
${body}
export const one = invariant('${name}', { says: 'x', on: 't', broken: sql\`select id from t\`, heal: set() });
`;

const names = async () => (await loadInvariants(folder)).invariants.map(invariant => invariant.name);
const base = (path: string) => path.replace(`${folder}/`, '');

/** What a person is told: `file:line code message`, a line each. */
async function told(): Promise<string[]> {
  const error: unknown = await loadInvariants(folder).then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  );
  if (!(error instanceof EvenkeelErrors)) throw error;
  expect(error.message.split('\n')).toHaveLength(error.errors.length);
  return error.errors.map(
    ({ place, code, message }) => `${base(place!.file)}:${place!.line ?? '?'} ${code} ${base(message)}`,
  );
}

describe('handlers and limits', () => {
  const calls = `import { call, limit, set } from 'evenkeel';
export const api = limit('api', { rate: '10/s' });
export const refresh = call(api, async () => set({ a: 1 }), { timeout: '5s' });`;
  const asks = (heal: string) =>
    `-- evenkeel: broken\n-- says: x\n-- on: t\n-- heal: ${heal}\nselect id from t\n`;

  it('are named by .sql files', async () => {
    await files({ 'calls.ts': calls, 'a.sql': asks('call refresh'), 'b.sql': asks('claim limit api') });
    const { invariants, passedOver } = await loadInvariants(folder);
    const api = { name: 'api', rate: 10, burst: 1, concurrency: undefined, headers: 'common' };
    expect(invariants.map(({ heal }) => heal)).toEqual([
      [{ do: 'call', handler: 'refresh', limit: api, timeoutMs: 5000 }],
      [{ do: 'claim', limit: api }],
    ]);
    expect(invariants[0]?.heal[0]).toHaveProperty('run', expect.any(Function));
    expect(passedOver).toEqual([]);
  });

  it('a limit may stand in a header, once', async () => {
    await files({ 'a.sql': asks('claim limit mail 30/min'), 'b.sql': asks('claim limit mail') });
    const { invariants } = await loadInvariants(folder);
    expect(invariants.map(({ heal }) => heal[0])).toMatchObject([
      { limit: { name: 'mail', rate: 0.5 } },
      { limit: { name: 'mail', rate: 0.5 } },
    ]);
  });

  it('that nobody exports are named', async () => {
    await files({ 'calls.ts': calls, 'a.sql': asks('call refesh'), 'b.sql': asks('claim limit apo') });
    expect(await told()).toEqual([
      "a.sql:1 bad-remedy heal: there is no handler 'refesh'; did you mean 'refresh'?",
      "b.sql:1 bad-remedy heal: there is no limit 'apo'; did you mean 'api'?",
    ]);
  });

  it('one name means one thing', async () => {
    await files({
      'calls.ts': calls,
      'more.ts': calls.replace('10/s', '20/s'),
      'a.sql': asks('call refresh'),
    });
    expect(await told()).toEqual([
      expect.stringMatching(/more.ts:\? bad-module 'refresh' is the name of a handler in .*calls.ts too/),
      "a.sql:1 bad-remedy the limit 'api' is declared in two ways",
    ]);
    await files({ 'more.ts': 'export const nothing = 1;', 'a.sql': asks('claim limit api 20/s') });
    expect(await told()).toEqual(["a.sql:1 bad-remedy the limit 'api' is declared in two ways"]);
  });

  it.each([
    ["limit('a b', { rate: '1/s' })", /can't be the name of a limit/],
    ["limit('a', {})", /'rate' is missing/],
    ["limit('a', { rate: '0/s' })", /would never ask/],
    ["limit('a', { rate: 'fast' })", /is not a rate/],
    [
      "limit('a', { rate: '1/s', concurency: 2 })",
      /unknown property 'concurency'; did you mean 'concurrency'/,
    ],
    ["limit('a', { rate: '1/s', concurrency: 0 })", /whole number from 1 to 10000/],
    ["limit('a', { rate: '1/s', headers: 'gitlab' })", /expected common or github/],
    ['call({}, () => 1)', /takes a limit, not an object/],
    ["call(limit('a', { rate: '1/s' }), 1)", /takes a function, not the number 1/],
    ["call(limit('a', { rate: '1/s' }), () => 1, { batch: 0 })", /whole number from 1 to 1000/],
    ["call(limit('a', { rate: '1/s' }), () => 1, { timeout: 'soon' })", /is not a duration/],
    ["claim('a')", /takes a limit, not the string 'a'/],
  ])('%s is refused at its line', async (expression, why) => {
    await files({
      'x.ts': `import { call, claim, limit } from 'evenkeel';\nexport const x = ${expression};`,
    });
    expect(await told()).toEqual([expect.stringMatching(why)]);
    expect((await told())[0]).toMatch(/^x\.ts:2 bad-(definition|remedy)/);
  });
});

describe('a folder', () => {
  it('gives its invariants by name, and says what it passed over', async () => {
    await files({
      'z.sql': good,
      'b.ts': ts('from-ts'),
      'a.sql': good,
      'report.sql': 'select 1',
      'shared.ts': 'export const nothing = 1;',
      'types.d.ts': 'export type X = 1;',
      'README.md': '# about',
      '.hidden.sql': good,
      'deeper/c.sql': good,
      'node_modules/x/index.js': 'throw 1',
    });
    const loaded = await loadInvariants(folder);
    expect(loaded.invariants.map(invariant => invariant.name)).toEqual(['a', 'from-ts', 'z']);
    expect(loaded.passedOver.map(base)).toEqual(['deeper/', 'report.sql', 'shared.ts']);
  });

  it('may be full of links, as mounted ones are', async () => {
    await files({ '..data/a.sql': good });
    await symlink(join(folder, '..data/a.sql'), join(folder, 'a.sql'));
    await symlink('nowhere.sql', join(folder, 'b.sql'));
    expect(await told()).toEqual(["b.sql:? bad-module it can't be read: ENOENT"]);
    await rm(join(folder, 'b.sql'));
    expect(await names()).toEqual(['a']);
  });

  it('is named as people would type it', async () => {
    const inside = await mkdtemp('.load-');
    try {
      await writeFile(join(inside, 'a.sql'), good);
      expect((await loadInvariants(`./${inside}`)).invariants[0]!.place.file).toBe(`${inside}/a.sql`);
    } finally {
      await rm(inside, { recursive: true });
    }
  });

  it.each([
    ['empty', {}, 'there are no invariants in FOLDER'],
    [
      'of others',
      { 'a.sql': 'select 1', 'b.ts': '' },
      'there are no invariants in FOLDER (passed over: a.sql, b.ts)',
    ],
  ])('that is %s has no invariants', async (_, contents, message) => {
    await files(contents);
    const error = await loadInvariants(folder).catch((reason: unknown) => reason as EvenkeelError);
    expect(error).toMatchObject({ code: 'no-invariants' });
    expect((error as Error).message.replaceAll(`${folder}/`, '').replace(folder, 'FOLDER')).toBe(message);
  });

  it('has to be there, and to be a folder', async () => {
    await files({ file: '' });
    for (const [name, why] of [
      ['absent', "doesn't exist"],
      ['file', 'is not a folder'],
    ] as const) {
      const path = join(folder, name);
      await expect(loadInvariants(path)).rejects.toMatchObject({
        code: 'no-invariants',
        message: `the folder ${path} ${why}`,
      });
    }
  });
});

describe('modules', () => {
  it.each<[string, Record<string, string>, string[]]>([
    ['a default', { 'a.ts': ts('a').replace('const one =', 'default') }, ['a']],
    ['an array', { 'a.ts': ts('a').replace('const one = ', 'const all = [').replace(/;\n$/, '];\n') }, ['a']],
    ['JavaScript', { 'a.js': ts('a') }, ['a']],
    ['an .mjs file that awaits', { 'a.mjs': ts('a', 'await Promise.resolve();') }, ['a']],
    [
      'CommonJS',
      {
        'a.js': ts('a')
          .replace(/import (.*) from 'evenkeel'/, "const $1 = require('evenkeel')")
          .replace('export const one', 'exports.one'),
      },
      ['a'],
    ],
    [
      'types and interfaces',
      {
        'a.ts': ts(
          'a',
          "import type { Invariant } from 'evenkeel';\ninterface X { a?: Invariant }\nconst x: X = {}; void x;",
        ),
      },
      ['a'],
    ],
    [
      'functions beside them',
      { 'a.ts': `${ts('a')}export const help = () => 1; export const rate = 7;` },
      ['a'],
    ],
    [
      'a file that they share',
      {
        'a.ts': ts('a', "import { live } from './shared.ts'; sql`${live}`;"),
        'shared.ts': "import { sql } from 'evenkeel'; export const live = sql`x`;",
      },
      ['a'],
    ],
    ['one that exports others', { 'a.ts': ts('a'), 'index.ts': "export * from './a.ts';" }, ['a']],
    [
      'files that import each other',
      {
        'a.ts': ts('a', "import * as b from './b.ts'; void b;"),
        'b.ts': ts('b', "import * as a from './a.ts'; void a;"),
      },
      ['a', 'b'],
    ],
  ])('may be %s', async (_, contents, expected) => {
    await files(contents);
    expect(await names()).toEqual(expected);
  });

  it('have lines', async () => {
    await files({ 'a.ts': `\n\n${ts('a', 'interface X {\n  a: 1;\n}')}` });
    const { invariants } = await loadInvariants(folder);
    expect(invariants[0]!.place).toMatchObject({ line: 7, sqlLine: 7 });
    expect(base(invariants[0]!.place.file)).toBe('a.ts');
  });

  it('are read again after an edit, and leave nothing behind', async () => {
    await files({ 'a.ts': ts('before'), 'node_modules/.keep': '' });
    expect(await names()).toEqual(['before']);
    await files({ 'a.ts': ts('after') });
    expect(await names()).toEqual(['after']);
    expect(await readdir(folder, { recursive: true })).toEqual([
      'a.ts',
      'node_modules',
      'node_modules/.keep',
    ]);
  });
});

describe('what is wrong', () => {
  it('is told all at once, file by file', async () => {
    await files({
      'a.sql': '-- evenkeel: broken\n-- says: x\n-- on: t\n-- heel: set\nselect 1',
      'b.ts': ts('b').replace('heal: set()', 'haal: set()'),
      'c.sql': '-- evenkeel: broken\n-- says:\n-- on: t\nselect 1',
      'd.ts': "import { invariant } from 'evenkeel';\n\nexport const d = invariant('d', {;\n",
      'e.ts': "\n\nthrow new Error('no luck');",
      'f.ts': "import 'not-installed';",
      'g.ts': "throw 'a string';",
      'h.sql': good,
    });
    expect(await told()).toEqual([
      "a.sql:4 unknown-header-key unknown header key 'heel'; did you mean 'heal'?",
      "b.ts:3 bad-definition b: unknown property 'haal'; did you mean 'heal'?",
      "c.sql:2 empty-header-key header key 'says' has no value",
      "d.ts:3 bad-module it can't be loaded: ParseError: Unexpected token",
      "e.ts:3 bad-module it can't be loaded: no luck",
      "f.ts:1 bad-module it can't be loaded: Cannot find module 'not-installed'",
      "g.ts:? bad-module it can't be loaded: a string",
    ]);
  });

  it.each([
    [
      'two modules',
      { 'a.ts': ts('twice'), 'b.ts': ts('twice') },
      "b.ts:3 duplicate-name 'twice' is the name of the one in a.ts:3 too",
    ],
    [
      'a module and a file',
      { 'a.ts': ts('twice'), 'twice.sql': good },
      "twice.sql:1 duplicate-name 'twice' is the name of the one in a.ts:3 too",
    ],
    [
      'one module',
      { 'a.ts': ts('twice') + ts('twice').split('\n')[2]!.replace('one', 'two') },
      "a.ts:4 duplicate-name 'twice' is the name of the one in a.ts:3 too",
    ],
  ])('is a name twice in %s', async (_, contents, message) => {
    await files(contents);
    expect((await told()).map(line => line.replace(folder + '/', ''))).toEqual([message]);
  });

  it.each([
    [
      'made but not exported',
      ts('lost').replace('export ', ''),
      "a.ts:3 bad-module invariant 'lost' is made but not exported",
    ],
    [
      'exported but not made',
      `export default { says: 'x', on: 't', broken: 1 };`,
      'a.ts:? bad-module an export looks like an invariant but was not made with invariant()',
    ],
    [
      'among invariants',
      ts('a').replace('const one = ', 'const all = [1, ').replace(/;\n$/, '];\n'),
      'a.ts:? bad-module the number 1 is exported in an array of invariants',
    ],
  ])('is a thing that is %s', async (_, text, message) => {
    await files({ 'a.ts': text });
    expect(await told()).toEqual([message]);
  });
});

import { describe, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { commandHelp, overview } from '../../src/cli/help.ts';
import { parse } from '../../src/cli/parse.ts';
import type { EvenkeelError } from '../../src/errors.ts';
import { version } from '../../src/version.ts';
import { evenkeel, folder } from './run.ts';

/** What parsing says is wrong. */
function told(...argv: string[]): string {
  try {
    parse(argv);
  } catch (error) {
    expect(error).toMatchObject({ code: 'wrong-use' });
    return (error as EvenkeelError).message;
  }
  return '';
}

describe('the command line', () => {
  test.each([
    ['a command that there is not', ['statsu'], "there is no command 'statsu'; did you mean 'status'?"],
    ['nothing like any command', ['xyzzy'], "there is no command 'xyzzy'"],
    ['a name that objects have', ['toString'], "there is no command 'toString'"],
    [
      'a flag that there is not',
      ['journal', '--limt', '3'],
      "`journal` has no flag --limt; did you mean '--limit'?",
    ],
    ['a flag of another command', ['journal', '--once'], '`journal` has no flag --once'],
    ['a short flag that there is not', ['journal', '-x'], '`journal` has no flag -x'],
    ['a flag without its value', ['journal', '--limit'], '--limit needs a value: --limit <n>'],
    ['another flag for a value', ['journal', '--since', '--json'], '--since needs a value: --since <when>'],
    ['a value for a switch', ['journal', '--json=yes'], '--json takes no value'],
    ['an argument too few', ['approve'], '`approve` needs <violation…>'],
    ['an argument too many', ['status', 'a', 'b'], "'b' is one argument too many"],
    ['an argument where none belongs', ['journal', 'a'], "'a' is one argument too many"],
    ['a flag without a command', ['--jsno'], "there is no flag --jsno; did you mean '--json'?"],
  ])('refuses %s', (_, argv, message) => {
    expect(told(...argv)).toBe(message);
  });

  test.each([
    [['hold', 'a', '1', '2'], { name: 'hold', args: ['a', '1', '2'] }],
    [['hold', 'a', '--', '-1'], { name: 'hold', args: ['a', '-1'] }],
    [['journal', '--limit=3', '--json'], { name: 'journal', given: { limit: '3', json: true } }],
    [['--json', 'status'], { name: 'status', given: { json: true } }],
    [['help', 'undo'], { name: 'undo', given: { help: true } }],
    [['approve', '-h'], { name: 'approve', given: { help: true } }],
  ])('reads %j', (argv, parsed) => {
    expect(parse(argv)).toMatchObject(parsed);
  });

  test('fits eighty columns', () => {
    const texts = [
      overview(),
      ...Object.entries(commands).map(([name, command]) => commandHelp(name, command)),
    ];
    for (const line of texts.join('\n').split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});

describe('in a process of its own', () => {
  test('no command gives the list, and so does --help', async () => {
    const none = await evenkeel({});
    const help = await evenkeel({}, '--help');
    expect([none.code, help.code]).toEqual([0, 0]);
    expect(none.stdout).toBe(`${overview()}\n`);
    expect(help).toMatchObject({ stdout: none.stdout, stderr: '' });
  });

  test('--help of a command needs no database', async () => {
    const { code, stdout } = await evenkeel({}, 'undo', '--help');
    expect([code, stdout]).toEqual([0, `${commandHelp('undo', commands['undo']!)}\n`]);
  });

  test('--version', async () => {
    expect(await evenkeel({}, '--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
    expect((await evenkeel({}, '--version', '--json')).json()).toEqual({ version });
  });

  test('wrong use is 2, on standard error, with the page that tells more', async () => {
    const ran = await evenkeel({}, 'statsu');
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toBe(
      "error[wrong-use]: there is no command 'statsu'; did you mean 'status'?\n" +
        '  hint: Run `evenkeel --help` for the list.\n  docs/errors/wrong-use.md\n',
    );
  });

  test('with --json an error is on standard output too', async () => {
    const ran = await evenkeel({}, 'status', '--json');
    expect(ran.code).toBe(2);
    expect(ran.json()).toEqual({
      errors: [
        {
          code: 'no-database',
          message: 'DATABASE_URL is not set',
          hint: expect.any(String),
          retry: false,
          place: null,
        },
      ],
    });
  });

  test('several errors are all listed', async () => {
    const env = { EVENKEEL_POOL: 'many', EVENKEEL_LOG: 'loud', EVENKEEL_HEALRES: '3' };
    const ran = await evenkeel({ env }, 'status');
    expect(ran.code).toBe(2);
    expect(ran.stderr.match(/^error\[bad-setting\]/gm)).toHaveLength(3);
    const cwd = await folder({
      'a.sql': '-- evenkeel: should\n-- sayz: x\n-- on: t\nselect 1',
      'b.sql': '-- evenkeel: should\n-- says: x\n-- on: t\n-- heal: destroy\nselect 1',
    });
    const files = await evenkeel({ url: 'postgres://nobody@127.0.0.1:1/x', cwd }, 'up');
    expect(files.code).toBe(1);
    expect(files.stderr).toMatch(/error\[unknown-header-key\]: invariants\/a\.sql:2: /);
    expect(files.stderr).toMatch(/error\[bad-remedy\]: invariants\/b\.sql:4: /);
  });

  test('a database that is down is said, without its password', async () => {
    const url = 'postgres://ann:s3cret-word@127.0.0.1:1/shop';
    for (const args of [['status'], ['journal', '--json'], ['undo', '1']]) {
      const ran = await evenkeel({ url, env: { EVENKEEL_LOG: 'debug' } }, ...args);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/^error\[database-down\]: .*shop on 127\.0\.0\.1:1 \(ECONNREFUSED\)/);
      expect(ran.stdout + ran.stderr).not.toContain('s3cret-word');
    }
  });
});

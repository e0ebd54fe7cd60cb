import { describe, expect, it } from 'vitest';
import { parse } from '../../src/declare/parse.ts';

/** What a person is told: `line code message`. */
function told(text: string, file = 'invariants/x.sql'): string[] {
  const parsed = parse(text, file);
  if (parsed.is !== 'wrong') return [parsed.is];
  expect(parsed.errors.every(error => error.place?.file === file && error.hint !== '')).toBe(true);
  return parsed.errors.map(error => `${error.place?.line} ${error.code} ${error.message}`);
}

const start = '-- evenkeel: broken\n-- says: x\n-- on: t\n';
const end = 'select 1\n';

describe('files of others are passed over', () => {
  it.each([
    '',
    'select 1',
    '-- a migration\nselect 1',
    '-- name: listUsers :many\nselect 1',
    '-- event: x',
    '/* evenkeel: should */',
  ])('%j', text => expect(told(text)).toEqual(['passed over']));
});

describe('a first line that is nearly right is no file of others', () => {
  it.each([
    '-- evenkel: should',
    '-- evnekeel: broken',
    '--evenkeel: should',
    '-- Evenkeel: should',
    '-- evenkeel should',
    '--\tevenkeel: should',
  ])('%j', line =>
    expect(told(`${line}\nselect 1`)).toEqual([
      `1 unknown-header-key '${line}' isn't a header line; did you mean '-- evenkeel: …'?`,
    ]),
  );
  it.each(['\n-- evenkeel: should', '-- the shop\n\n-- evenkeel: should'])('%j', text => {
    const line = text.split('\n').length;
    expect(told(`${text}\nselect 1`)).toEqual([
      `${line} missing-header-key '-- evenkeel:' has to be the first line`,
    ]);
  });
});

describe('the header', () => {
  it.each([
    ['-- heel: set', ["4 unknown-header-key unknown header key 'heel'; did you mean 'heal'?"]],
    ['-- Heal: set', ["4 unknown-header-key unknown header key 'Heal'; did you mean 'heal'?"]],
    ['-- graec: 1s', ["4 unknown-header-key unknown header key 'graec'; did you mean 'grace'?"]],
    ['-- touch: a', ["4 unknown-header-key unknown header key 'touch'; did you mean 'touches'?"]],
    ['-- author: me', ["4 unknown-header-key unknown header key 'author'"]],
    ['-- call: handler', ["4 unknown-header-key unknown header key 'call'"]],
    ['-- heal set', ["4 unknown-header-key 'heal set' isn't 'key: value'; did you mean 'heal:'?"]],
    ['-- some words', ["4 unknown-header-key 'some words' isn't 'key: value'"]],
    ['--   two spaces', ["4 unknown-header-key 'two spaces' isn't 'key: value'"]],
    ['-- see https://example.org', ["4 unknown-header-key 'see https://example.org' isn't 'key: value'"]],
    ['--     heal: set', ["4 unknown-header-key 'heal:' is indented, so it continues the line above"]],
    ['--\theal: set', ["4 unknown-header-key 'heal:' is indented, so it continues the line above"]],
    ['--heal: set', ["4 unknown-header-key 'heal:' stands outside the header"]],
    ['--heel: set', ["4 unknown-header-key 'heel:' stands outside the header; did you mean 'heal'?"]],
    ['\n-- heal: set', ["5 unknown-header-key 'heal:' stands outside the header"]],
    ['--\n-- heal: set', ["5 unknown-header-key 'heal:' stands outside the header"]],
    ['-- says: again', ["4 repeated-header-key header key 'says' was given on line 2 already"]],
    [
      '-- x: 1\n-- x: 2',
      [
        "4 unknown-header-key unknown header key 'x'",
        "5 repeated-header-key header key 'x' was given on line 4 already",
      ],
    ],
    ['-- heal:', ["4 empty-header-key header key 'heal' has no value"]],
    ['-- heal:   \n-- mode: observe', ["4 empty-header-key header key 'heal' has no value"]],
  ])('%j', (lines, expected) => expect(told(`${start}${lines}\n${end}`)).toEqual(expected));

  it('needs says and on', () => {
    expect(told('-- evenkeel: should\nselect 1')).toEqual([
      "1 missing-header-key header key 'says' is missing",
      "1 missing-header-key header key 'on' is missing",
    ]);
  });

  it('tells everything that is wrong at once, from top to bottom', () => {
    expect(
      told('-- evenkeel: shuold\n-- says:\n-- heel: set\n-- mode: haal\n-- guard: 5/day\n', 'a.b.sql'),
    ).toEqual([
      "1 missing-header-key header key 'on' is missing",
      "1 bad-definition 'a.b' can't be the name of an invariant",
      "1 bad-header-value evenkeel: expected should or broken, found 'shuold'; did you mean 'should'?",
      "2 empty-header-key header key 'says' has no value",
      "3 unknown-header-key unknown header key 'heel'; did you mean 'heal'?",
      "4 bad-header-value mode: expected observe or heal, found 'haal'; did you mean 'heal'?",
      "5 bad-header-value guard: '5/day' is not a guard",
      '5 bad-sql there is no SELECT after the header',
    ]);
  });
});

describe('values', () => {
  it.each([
    ['mode: on', "expected observe or heal, found 'on'"],
    ['guard: 0/hour', '0/hour would never heal'],
    ['guard: 1,000/hour', "'1,000/hour' is not a guard"],
    ['guard: -1/hour', "'-1/hour' is not a guard"],
    ['guard: 99999999999/hour', "'99999999999/hour' is too many: at most 2147483647/hour"],
    ['guard: non', "'non' is not a guard; did you mean 'none'?"],
    ['grace: 10', "'10' is not a duration"],
    ['grace: 10 s', "'10 s' is not a duration"],
    ['grace: 1.5h', "'1.5h' is not a duration"],
    ['grace: -1s', "'-1s' is not a duration"],
    ['grace: 10min', "'10min' is not a duration"],
    ['grace: 99999d', "'99999d' is too long: at most 3650d"],
    ['every: 0s', "'0s' is too short: at least 100ms"],
    ['key: a,', 'expected a column, found the end'],
    ['key: a b', "expected a comma or the end, found 'b'"],
    ['key: a, a', 'column a is named twice'],
    ['key: A, "a"', 'column a is named twice'],
    ['key: ""', `a name can't be empty: ""`],
    ['key: "a', 'the closing " of the name is missing'],
    ['key: 1a', "expected a column, found '1a'"],
    ['touches: a; b', "expected a comma or the end, found ';'"],
    ['touches: a.b.c', "'a.b.c' has too many parts"],
    ['touches: a, a', 'table a is named twice'],
  ])('%s', (line, message) => {
    const key = line.split(':')[0]!;
    expect(told(`${start}-- ${line}\n${end}`)).toEqual([`4 bad-header-value ${key}: ${message}`]);
  });

  it.each([
    ['t t2 where a', "expected where, found 't2'"],
    ['t where', 'there is no condition after where'],
    ['t wherea', "expected where, found 'wherea'"],
    ['t, u', "expected where, found ','"],
    ['a.b.c', "'a.b.c' has too many parts"],
    ['t where a) or (b', 'a bracket closes that was never opened'],
    ['t where (a', 'a bracket is never closed'],
    ['t where a -- why', 'a comment would swallow what follows the condition'],
    ['t where a /* why', 'a comment would swallow what follows the condition'],
    ['t where a; delete from t', "a condition can't hold a semicolon"],
    ["t where a = 'x", "the end of 'x is missing"],
    ['t where a = $$x', 'the end of $$x is missing'],
    ['(select 1)', "expected a table, found '('"],
  ])('on: %s', (on, message) => {
    expect(told(`-- evenkeel: broken\n-- says: x\n-- on: ${on}\n${end}`)).toEqual([
      `3 bad-header-value on: ${message}`,
    ]);
  });

  it('are placed at the line that continues', () => {
    const text = `-- evenkeel: broken\n-- says: x\n-- on: t\n--     where a\n--     and (b\n-- heal:\n--     set a;\n--     updaet\n${end}`;
    expect(told(text)).toEqual([
      '4 bad-header-value on: a bracket is never closed',
      "8 bad-remedy heal: unknown remedy 'updaet'",
    ]);
  });
});

describe('remedies', () => {
  it.each([
    ['sett', "unknown remedy 'sett'; did you mean 'set'?"],
    ['Set', "unknown remedy 'Set'; did you mean 'set'?"],
    ['remvoe', "unknown remedy 'remvoe'; did you mean 'remove'?"],
    ['update status', "unknown remedy 'update'; write set"],
    ['DELETE', "unknown remedy 'DELETE'; write remove"],
    ['none', "unknown remedy 'none'; write no `heal` line at all: then a person decides"],
    ['call refund; set', 'call leaves it to its handler, so it stands alone'],
    ['celery billing.resync(id); set', 'celery leaves it to a worker, so it stands alone'],
    ['call', 'call has to name its handler: call refresh'],
    ['claim; set', 'claim leaves it to a program, so it stands alone'],
    ['constructor', "unknown remedy 'constructor'"],
    [';', "expected a remedy, found ';'"],
    ['set;; remove', "expected a remedy, found ';'"],
    ['set a b', "expected ; or the end, found 'b'"],
    ['set a,', 'expected a column, found the end'],
    ['set a, a', 'column a is named twice'],
    ['set *', "expected a column, found '*'"],
    ["set status = 'failed'", 'set only names columns of the result; values stand in the SELECT'],
    ['remove it', "expected ; or the end, found 'it'"],
    ['park', 'park needs a reason: it is what a person reads'],
    ['park ; set', 'park needs a reason: it is what a person reads'],
    ['insert ledger', 'insert ledger has to name its columns: insert ledger(col, …)'],
    ['insert ledger()', "expected a column, found ')'"],
    ['insert ledger(a', 'expected , or ), found the end'],
    ['insert into ledger(a)', 'write insert table(col, …), without into'],
    ['insert', 'insert without a table goes only with `should`: a broken row exists'],
    ['set a; remove', 'set and remove together make no sense: the row would be gone'],
    ['set a; set b', 'set is named twice'],
    ['remove; remove; remove', 'remove is named 3 times'],
    ['set a; park why', 'park leaves it to a person, so with `broken` it stands alone'],
  ])('broken: %s', (heal, message) => {
    expect(told(`${start}-- heal: ${heal}\n${end}`)).toEqual([`4 bad-remedy heal: ${message}`]);
  });

  it.each([
    ['insert ledger(a)', 'inserting into another table goes only with `broken`'],
    ['insert; insert', 'insert is named twice'],
    ['park a; park b', 'park is named twice'],
  ])('should: %s', (heal, message) => {
    const text = `-- evenkeel: should\n-- says: x\n-- on: t\n-- heal: ${heal}\n${end}`;
    expect(told(text)).toEqual([`4 bad-remedy heal: ${message}`]);
  });

  it('have to be there where the mode is to heal', () => {
    expect(told(`${start}-- mode: heal\n${end}`)).toEqual([
      '4 bad-header-value mode: nothing says how to heal',
    ]);
  });
});

describe('the name of the file', () => {
  it.each(['a.b.sql', '-a.sql', 'a b.sql', 'é.sql', `${'a'.repeat(64)}.sql`, '.sql'])('%s', name => {
    const [first] = told(start + end, `invariants/${name}`);
    expect(first).toBe(`1 bad-definition '${name.slice(0, -4)}' can't be the name of an invariant`);
  });
  it.each(['a.sql', '0-a_B.sql', `${'a'.repeat(63)}.sql`])('%s', name => {
    expect(told(start + end, `in/va.riants/${name}`)).toEqual(['invariant']);
  });
});

describe('the statement', () => {
  it.each(['', '\n\n', ';', '-- only\n-- comments', '/* none */ ;'])('%j', sql => {
    expect(told(`${start}\n${sql}`)).toEqual(['3 bad-sql there is no SELECT after the header']);
  });
  it('is UTF-8 text', () => {
    expect(told(`${start}select '\0'`)).toEqual(['4 bad-sql the file is not UTF-8 text']);
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(start + end, 'utf16le')]).toString(
      'utf8',
    );
    expect(told(utf16)).toEqual(['1 bad-sql the file is not UTF-8 text']);
  });
});

import { describe, expect, it } from 'vitest';
import { parse } from '../../src/declare/parse.ts';
import type { Invariant } from '../../src/declare/invariant.ts';

const topics = `-- evenkeel: should
-- says: A topic counts its live posts
-- on: topics
-- heal: set
select t.id, count(p.id) as posts_count, max(p.created_at) as last_posted_at
  from topics t left join posts p on p.topic_id = t.id and p.deleted_at is null
 group by t.id
`;
const exportsFile = `-- evenkeel: broken
-- says: No export stays in processing for an hour
-- on: exports
-- heal: set status, locked_by
select id, 'failed' as status, null::text as locked_by from exports
 where status = 'processing' and updated_at < now() - interval '1 hour'
`;

function read(text: string, file = 'invariants/topics.sql'): Invariant {
  const parsed = parse(text, file);
  if (parsed.is === 'invariant') return parsed.invariant;
  throw new Error(parsed.is === 'wrong' ? parsed.errors.map(error => error.located).join('\n') : parsed.is);
}

/** A file with these header lines (after the three that must be there) and this statement. */
const file = (lines: string[], sql = 'select id from t', form = 'broken') =>
  [`-- evenkeel: ${form}`, '-- says: x', '-- on: t', ...lines, sql].join('\n');

describe('a whole file', () => {
  it('is the invariant of the design page, with every default', () => {
    expect(read(topics)).toEqual({
      name: 'topics',
      says: 'A topic counts its live posts',
      form: 'should',
      sql: topics.slice(topics.indexOf('select')).trim(),
      on: { table: 'topics', where: undefined },
      key: undefined,
      heal: [{ do: 'set', columns: 'all' }],
      mode: 'observe',
      guard: 100,
      graceMs: 10_000,
      everyMs: undefined,
      touches: [],
      place: { file: 'invariants/topics.sql', line: 1, sqlLine: 5 },
    });
  });

  it('is frozen through and through', () => {
    const invariant = read(exportsFile, 'invariants/stuck-exports.sql');
    expect(invariant.name).toBe('stuck-exports');
    expect(invariant.heal).toEqual([{ do: 'set', columns: ['status', 'locked_by'] }]);
    for (const part of [
      invariant,
      invariant.on,
      invariant.heal,
      invariant.heal[0],
      invariant.touches,
      invariant.place,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('may say everything', () => {
    const invariant = read(`-- evenkeel: should
-- says: A mirror holds
--     what its source holds
-- on: s."Weird; Name" where kind = 'a;b'
--     and (x <> ')' or y)
-- key: org_id, "User, Id"
-- heal: set "A;b", c; insert; remove;
-- mode: heal
-- guard: none
-- grace: 0s
-- every: 5m
-- touches: audit, s."Other; Table"

select 1`);
    expect(invariant).toMatchObject({
      says: 'A mirror holds what its source holds',
      on: { table: 's."Weird; Name"', where: "kind = 'a;b' and (x <> ')' or y)" },
      key: ['org_id', 'User, Id'],
      heal: [{ do: 'set', columns: ['A;b', 'c'] }, { do: 'insert' }, { do: 'remove' }],
      mode: 'heal',
      guard: null,
      graceMs: 0,
      everyMs: 300_000,
      touches: ['audit', 's."Other; Table"'],
      place: { line: 1, sqlLine: 14 },
    });
  });

  it('reads the same with a byte order mark, Windows line ends and trailing blanks', () => {
    const windows = `\uFEFF${topics.replaceAll('\n', ' \t\r\n')}`;
    expect(read(windows).sql.replace(/[ \t]+$/gm, '')).toBe(read(topics).sql);
    expect({ ...read(windows), sql: '' }).toEqual({ ...read(topics), sql: '' });
  });
});

describe('header lines', () => {
  it.each([
    ['four spaces', '--     where a = 1', 'a = 1'],
    ['more spaces', '--          where a = 1', 'a = 1'],
    ['a tab', '-- \twhere a = 1', 'a = 1'],
    ['a tab for the space', '--\twhere a = 1', 'a = 1'],
    ['a cast', '--     where kind::text = $$on: x$$', 'kind::text = $$on: x$$'],
  ])('are continued by %s', (_, line, where) => {
    expect(read(file([line])).on.where).toBe(where);
  });

  it('take up to three more spaces before the key, and any around the colon', () => {
    expect(read(file(['--    mode :observe', '-- guard:7/hour'])).guard).toBe(7);
  });

  it('end at a blank line, after which comments are comments', () => {
    expect(read(file(['', '-- ordinary: words', '-- note: the rest']))).toMatchObject({
      sql: 'select id from t',
    });
  });
});

describe('values', () => {
  it.each([
    ['grace', '0s', { graceMs: 0 }],
    ['grace', '250ms', { graceMs: 250 }],
    ['grace', '10s', { graceMs: 10_000 }],
    ['grace', '5m', { graceMs: 300_000 }],
    ['grace', '1h', { graceMs: 3_600_000 }],
    ['grace', '2d', { graceMs: 172_800_000 }],
    ['every', '100ms', { everyMs: 100 }],
    ['guard', '1/hour', { guard: 1 }],
    ['guard', 'none', { guard: null }],
    ['mode', 'observe', { mode: 'observe' }],
    ['key', 'Id', { key: ['id'] }],
    ['key', '"Id" , b', { key: ['Id', 'b'] }],
    ['key', '"say ""hi"""', { key: ['say "hi"'] }],
    ['key', 'größe, ÉTAT', { key: ['größe', 'État'] }],
    ['touches', 'A, b . "C d"', { touches: ['A', 'b."C d"'] }],
  ])('%s: %s', (key, value, expected) => {
    expect(read(file([`-- ${key}: ${value}`]))).toMatchObject(expected);
  });

  it.each([
    ['set', [{ do: 'set', columns: 'all' }]],
    ['set a, "B ""c"", d"', [{ do: 'set', columns: ['a', 'B "c", d'] }]],
    ['insert ledger(order_id, amount)', [{ do: 'append', table: 'ledger', columns: ['order_id', 'amount'] }]],
    ['insert s . "L; x" ( a ,"B)" )', [{ do: 'append', table: 's."L; x"', columns: ['a', 'B)'] }]],
    ['remove', [{ do: 'remove' }]],
    ['park the money moved, it isn\'t "ours"', [{ do: 'park', reason: 'the money moved, it isn\'t "ours"' }]],
    [
      'set a; insert l(b); insert l(c)',
      [
        { do: 'set', columns: ['a'] },
        { do: 'append', table: 'l', columns: ['b'] },
        { do: 'append', table: 'l', columns: ['c'] },
      ],
    ],
    ['insert l(b); remove', [{ do: 'append', table: 'l', columns: ['b'] }, { do: 'remove' }]],
  ])('heal: %s', (heal, expected) => {
    expect(read(file([`-- heal: ${heal}`])).heal).toEqual(expected);
  });

  it.each([
    ['insert', [{ do: 'insert' }]],
    ['set;insert;remove', [{ do: 'set', columns: 'all' }, { do: 'insert' }, { do: 'remove' }]],
    [
      'set; park a row too many may be a payment',
      [
        { do: 'set', columns: 'all' },
        { do: 'park', reason: 'a row too many may be a payment' },
      ],
    ],
  ])('should, heal: %s', (heal, expected) => {
    expect(read(file([`-- heal: ${heal}`], 'select 1', 'should')).heal).toEqual(expected);
  });

  it.each([
    ['t', 't', undefined],
    ['T', 'T', undefined],
    ['public.t where a', 'public.t', 'a'],
    ['public . "T""x" WHERE(a) and (b)', 'public."T""x"', '(a) and (b)'],
    [
      "t where \"a)\" = '(' and b = $q$;($q$ and c = e'\\'('",
      't',
      "\"a)\" = '(' and b = $q$;($q$ and c = e'\\'('",
    ],
    ['"where" where wherever', '"where"', 'wherever'],
  ])('on: %s', (on, table, where) => {
    expect(read(['-- evenkeel: broken', '-- says: x', `-- on: ${on}`, 'select 1'].join('\n')).on).toEqual({
      table,
      where,
    });
  });
});

describe('the statement', () => {
  it.each([
    ['select 1', 'select 1'],
    ['select 1;', 'select 1'],
    ['select 1 ; -- done', 'select 1'],
    ['select 1 -- done;', 'select 1'],
    ['select 1; /* done; /* nested; */ */ ;', 'select 1'],
    ["select ';'", "select ';'"],
    ["select ';';", "select ';'"],
    ["select E'\\';'", "select E'\\';'"],
    ['select $$;$$', 'select $$;$$'],
    ['select $a$;$$;$a$ ;', 'select $a$;$$;$a$'],
    ['select 1 as "a;"', 'select 1 as "a;"'],
    ['select 1 as "a--b"', 'select 1 as "a--b"'],
    ["select 'a--b'", "select 'a--b'"],
    ['select 1; select 2;', 'select 1; select 2'],
    ['/* why */\n-- and how\nselect 1 -- this\n, 2', 'select 1 -- this\n, 2'],
    ["select 'never closed;", "select 'never closed;"],
    ['select 1 /* never closed;', 'select 1 /* never closed;'],
  ])('%j', (text, sql) => {
    expect(read(file([''], text)).sql).toBe(sql);
  });

  it('knows the line on which it begins', () => {
    const text = file(['', '-- a comment', '', '/* two', 'lines */ select 1']);
    expect(read(text).place.sqlLine).toBe(8);
    expect(text.split('\n')[7]).toContain('select 1');
  });
});

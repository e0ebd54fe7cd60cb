import { describe, expect, expectTypeOf, it } from 'vitest';
import { EvenkeelError } from '../../src/errors.ts';
import { parse } from '../../src/declare/parse.ts';
import {
  insert,
  invariant,
  park,
  remove,
  set,
  sql,
  type Definition,
  type Invariant,
} from '../../src/index.ts';

const base = { says: 'x', on: 't', broken: sql`select id from t` };

/** What a person is told: `code message`, and that it is placed in this file. */
function told(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (!(error instanceof EvenkeelError)) throw error;
    expect(error.place?.file).toContain('invariant.test.ts');
    expect(error.place?.line).toBeGreaterThan(0);
    return `${error.code} ${error.message}`;
  }
  return 'nothing';
}

/** TypeScript refuses these too; JavaScript doesn't. */
const loosely = (definition: Record<string, unknown>) => invariant('x', definition as unknown as Definition);

describe('invariant()', () => {
  it('says the same as a file in the same words', () => {
    const made = invariant('topic-posts', {
      says: 'A topic counts its live posts',
      on: 'forum."Topics; live" where deleted_at is null',
      key: ['org_id', 'Topic Id'],
      should: sql`
        select t.id, count(p.id) as posts_count
          from topics t;
      `,
      heal: [set('posts_count', 'B'), insert(), remove(), park('it looks like a payment')],
      mode: 'heal',
      guard: 'none',
      grace: '0s',
      every: '5m',
      touches: ['audit', 's."Other"'],
    });
    const parsed = parse(
      `-- evenkeel: should
-- says: A topic counts its live posts
-- on: forum."Topics; live" where deleted_at is null
-- key: org_id, "Topic Id"
-- heal: set posts_count, "B"; insert; remove; park it looks like a payment
-- mode: heal
-- guard: none
-- grace: 0s
-- every: 5m
-- touches: audit, s."Other"
select t.id, count(p.id) as posts_count
          from topics t;`,
      'topic-posts.sql',
    );
    const file = parsed.is === 'invariant' ? parsed.invariant : undefined;
    expect({ ...made, place: undefined }).toEqual({ ...file, place: undefined });
  });

  it('has the defaults of a file, and takes undefined for them', () => {
    expect(loosely({ ...base, heal: undefined, mode: undefined, key: undefined })).toMatchObject({
      heal: [],
      mode: 'observe',
      guard: 100,
      graceMs: 10_000,
      everyMs: undefined,
      key: undefined,
      touches: [],
    });
  });

  it('knows where it and its SQL stand', () => {
    const made = invariant('x', {
      says: 'x',
      on: 't',
      broken: sql`
        -- a comment
        select id from t`,
    });
    expect(made.place.file).toBe('test/declare/invariant.test.ts');
    expect(made.place.sqlLine! - made.place.line!).toBe(5);
  });

  it('is frozen, and leaves the arrays of its author alone', () => {
    const heal = [set()];
    const made = invariant('x', { ...base, heal });
    expect(Object.isFrozen(made) && Object.isFrozen(made.heal) && Object.isFrozen(made.place)).toBe(true);
    expect(Object.isFrozen(heal)).toBe(false);
    expectTypeOf(made).toEqualTypeOf<Invariant>();
  });

  it('takes one remedy, key or table without an array', () => {
    expect(invariant('x', { ...base, heal: remove(), key: 'Weird; Name', touches: 'a, b' })).toMatchObject({
      heal: [{ do: 'remove' }],
      key: ['Weird; Name'],
      touches: ['a', 'b'],
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    [
      'a misspelt property',
      { ...base, haal: set() },
      "bad-definition x: unknown property 'haal'; did you mean 'heal'?",
    ],
    ['no sentence', { on: 't', broken: base.broken }, "bad-definition x: 'says' is missing"],
    ['an empty sentence', { ...base, says: ' ' }, 'bad-definition x: says: there is no text'],
    ['no table', { says: 'x', broken: base.broken }, "bad-definition x: 'on' is missing"],
    ['no query', { says: 'x', on: 't' }, "bad-definition x: 'should' or 'broken' is missing"],
    [
      'both forms',
      { ...base, should: base.broken },
      "bad-definition x: either 'should' or 'broken', not both",
    ],
    [
      'a string for SQL',
      { ...base, broken: 'select 1' },
      "bad-definition x: broken: expected sql`select …`, found the string 'select 1'",
    ],
    ['empty SQL', { ...base, broken: sql` ; -- nothing` }, 'bad-sql x: there is no SELECT in broken'],
    ['a bad table', { ...base, on: 't as u' }, "bad-definition x: on: expected where, found 'as'"],
    [
      'a number for a table',
      { ...base, on: 7 },
      'bad-definition x: on: expected a string, found the number 7',
    ],
    [
      'a bad mode',
      { ...base, mode: 'heel' },
      "bad-definition x: mode: expected observe or heal, found 'heel'; did you mean 'heal'?",
    ],
    ['a bad guard', { ...base, guard: '5/day' }, "bad-definition x: guard: '5/day' is not a guard"],
    [
      'a number for a guard',
      { ...base, guard: 5 },
      'bad-definition x: guard: expected a string, found the number 5',
    ],
    ['a bad duration', { ...base, grace: '1 hour' }, "bad-definition x: grace: '1 hour' is not a duration"],
    [
      'a timer that never rests',
      { ...base, every: '0s' },
      "bad-definition x: every: '0s' is too short: at least 100ms",
    ],
    [
      'columns in one string',
      { ...base, key: 'a, b' },
      "bad-definition x: key: 'a, b' looks like several columns",
    ],
    ['no columns', { ...base, key: [] }, 'bad-definition x: key: there are no columns'],
    ['a column twice', { ...base, key: ['a', 'a'] }, "bad-definition x: key: column 'a' is named twice"],
    [
      'no column',
      { ...base, key: [1] },
      'bad-definition x: key: expected the name of a column, found the number 1',
    ],
    [
      'bad tables',
      { ...base, touches: ['a', 'b c'] },
      "bad-definition x: touches: expected a comma or the end, found 'c'",
    ],
    [
      'a remedy as text',
      { ...base, heal: 'set' },
      "bad-definition x: heal: expected set(), insert(), remove(), park(reason), claim(), call() or celery(), found the string 'set'",
    ],
    [
      'a remedy not called',
      { ...base, heal: [set] },
      'bad-definition x: heal: expected set(), insert(), remove(), park(reason), claim(), call() or celery(), found a function',
    ],
    [
      'a literal',
      { ...base, heal: set({ status: 'failed' }) },
      'bad-remedy x: heal: set({ column: value }) is what a handler returns; an invariant names result columns',
    ],
    [
      'insert for what is broken',
      { ...base, heal: insert() },
      'bad-remedy x: heal: insert without a table goes only with `should`: a broken row exists',
    ],
    ['healing by nothing', { ...base, mode: 'heal' }, 'bad-definition x: mode: nothing says how to heal'],
  ])('refuses %s', (_, definition, message) => {
    expect(told(() => loosely(definition))).toBe(message);
  });

  it('tells where a literal belongs', () => {
    try {
      loosely({ ...base, heal: set({ status: 'failed' }) });
      expect.unreachable();
    } catch (error) {
      expect((error as EvenkeelError).hint).toContain(
        "Put the literal in the SELECT: select …, 'failed' as status",
      );
    }
  });

  it.each(['', 'a.b', '-a', 'a b', 'a'.repeat(64)])('refuses the name %j', name => {
    expect(told(() => invariant(name, base))).toBe(
      `bad-definition '${name}' can't be the name of an invariant`,
    );
  });

  it('refuses what is no definition at all', () => {
    expect(told(() => invariant(7 as never, base))).toBe(
      'bad-definition invariant(name, …) takes a string, not the number 7',
    );
    expect(told(() => invariant('x', undefined as never))).toBe(
      'bad-definition x: invariant(name, { … }) takes an object, not undefined',
    );
  });

  it('is refused by the compiler with a literal, without a query, with a plain string', () => {
    // @ts-expect-error a literal belongs into the SELECT
    expect(() => invariant('x', { ...base, heal: set({ a: 1 }) })).toThrow();
    // @ts-expect-error neither should nor broken
    expect(() => invariant('x', { says: 'x', on: 't' })).toThrow();
    // @ts-expect-error a string may hold spliced values
    expect(() => invariant('x', { says: 'x', on: 't', broken: 'select 1' })).toThrow();
  });
});

describe('sql', () => {
  it('puts pieces together', () => {
    const live = sql`p.deleted_at is null`;
    expect(sql`select 1 from p where ${live} and (${sql`a`})`.text).toBe(
      'select 1 from p where p.deleted_at is null and (a)',
    );
  });

  it('takes what is written as it is written', () => {
    expect(sql`select '\d+\n' ~ E'\\' \`\${x}`.text).toBe("select '\\d+\\n' ~ E'\\\\' `${x}");
  });

  it('knows its line unless a piece of several lines moves it', () => {
    expect(sql`${sql`a`}`.line).toBeGreaterThan(0);
    expect(
      sql`${sql`a
      b`}`.line,
    ).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [7, 'the number 7'],
    ['x', "the string 'x'"],
    [null, 'null'],
    [undefined, 'undefined'],
    [[sql`a`], 'an array'],
    [{ text: 'x' }, 'an object'],
    [Symbol('s'), 'the symbol Symbol(s)'],
  ])('splices no value: %o', (value, found) => {
    expect(told(() => sql`select ${value as never}`)).toBe(
      `bad-definition sql takes only other pieces of sql, not ${found}`,
    );
  });

  it('is a tag, not a function', () => {
    expect(told(() => sql('select 1' as never))).toBe(
      'bad-definition sql is a tag: write sql`select …`, not sql(…)',
    );
  });
});

describe('remedies', () => {
  it.each<[unknown, unknown]>([
    [set(), { do: 'set', columns: 'all' }],
    [set('a', 'B; "c"'), { do: 'set', columns: ['a', 'B; "c"'] }],
    [insert(), { do: 'insert' }],
    [
      insert('s."L"', 'order_id', 'Amount'),
      { do: 'append', table: 's."L"', columns: ['order_id', 'Amount'] },
    ],
    [remove(), { do: 'remove' }],
    [park(' a\n  person '), { do: 'park', reason: 'a person' }],
  ])('%o', (remedy, expected) => {
    expect(remedy).toEqual(expected);
    expect(Object.isFrozen(remedy)).toBe(true);
  });

  it.each<[() => unknown, string]>([
    [() => set(''), "a column's name can't be empty"],
    [() => set('a', 'a'), "column 'a' is named twice"],
    [() => set(1 as never), 'a column is named by a string, not the number 1'],
    [() => set(['a'] as never), 'a column is named by a string, not an array'],
    [() => set('a', { b: 1 } as never), 'a column is named by a string, not an object'],
    [() => set({}), 'set({}) sets nothing'],
    [() => insert('l' as never, ...([] as unknown as [string])), "insert('l') names no columns"],
    [() => insert(1 as never, 'a'), 'insert(table, column, …) takes strings, not the number 1'],
    [() => insert('a b', 'c'), "expected a comma or the end, found 'b'"],
    [() => insert('l', 'a', 'a'), "column 'a' is named twice"],
    [() => park(' '), 'park needs a reason: it is what a person reads'],
    [() => park(undefined as never), 'park(reason) takes a string, not undefined'],
  ])('%s', (make, message) => {
    expect(told(make)).toBe(`bad-remedy ${message}`);
  });
});

describe('literal values', () => {
  it.each<[unknown, string | null]>([
    ['', ''],
    ["it's", "it's"],
    [0, '0'],
    [-1.5, '-1.5'],
    [1e21, '1e+21'],
    [12345678901234567890n, '12345678901234567890'],
    [true, 'true'],
    [false, 'false'],
    [null, null],
    [new Date(Date.UTC(2026, 1, 3, 4, 5, 6, 7)), '2026-02-03T04:05:06.007Z'],
    [{ a: [1, null, { b: 'c' }] }, '{"a":[1,null,{"b":"c"}]}'],
    [[1, 'two'], '[1,"two"]'],
    [Object.create(null), '{}'],
  ])('%o is %j', (value, text) => {
    expect(set({ 'Weird; Name': value as string })).toEqual({
      do: 'assign',
      values: { 'Weird; Name': text },
    });
  });

  it('may go into a column called __proto__', () => {
    const { values } = set(JSON.parse('{"__proto__": "x"}') as Record<string, string>);
    expect(Object.entries(values)).toEqual([['__proto__', 'x']]);
  });

  it.each<[unknown, string]>([
    [undefined, 'undefined'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    ['a\0b', 'text with a NUL character: Postgres has none'],
    [new Date(NaN), 'an invalid Date'],
    [new Date(Date.UTC(10_000, 0)), 'a Date outside the years 1 to 9999: +010000-01-01T00:00:00.000Z'],
    [new Date(Date.UTC(-5, 0)), 'a Date outside the years 1 to 9999: -000005-01-01T00:00:00.000Z'],
    [new Map(), 'a Map'],
    [Buffer.from('x'), 'a Buffer'],
    [() => 1, 'a function'],
    [{ a: NaN }, 'JSON with NaN'],
    [{ a: 1n }, 'JSON: Do not know how to serialize a BigInt'],
  ])('%o is refused', (value, why) => {
    expect(told(() => set({ a: value as string }))).toBe(`bad-remedy set: column 'a' can't be ${why}`);
  });
});

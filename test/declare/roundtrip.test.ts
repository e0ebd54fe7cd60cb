import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from '../../src/declare/parse.ts';
import { print } from './print.ts';
import { quote } from '../../src/declare/names.ts';
import { definitionHash } from '../../src/declare/hash.ts';
import type { Invariant } from '../../src/declare/invariant.ts';
import type { Remedy } from '../../src/declare/remedy.ts';

// Names made of what could confuse the grammar.
const name = fc
  .array(
    fc.constantFrom('a', 'B', '"', ';', ',', ' ', '.', '(', ')', "'", ':', '--', '$', 'é', '/*', '\\', 'set'),
    { minLength: 1, maxLength: 6 },
  )
  .map(parts => parts.join(''))
  .filter(text => text.trim() === text);
const names = fc.uniqueArray(name, { minLength: 1, maxLength: 4 });
const table = fc.array(name.map(quote), { minLength: 1, maxLength: 2 }).map(parts => parts.join('.'));
const where = fc.option(
  fc.oneof(
    name.map(text => `${quote(text)} = '${text.replaceAll("'", "''")}'`),
    name.map(text => `($q$${text}$q$ <> ${quote(text)})`),
  ),
  { nil: undefined },
);
const words = fc
  .array(fc.constantFrom('why', "it's", '"so"', 'a,', '(b', 'set', '--', ':'), { minLength: 1, maxLength: 5 })
  .map(parts => parts.join(' '));

const set: fc.Arbitrary<Remedy> = fc
  .oneof(fc.constant('all' as const), names)
  .map(columns => ({ do: 'set', columns }));
const insert: fc.Arbitrary<Remedy> = fc.constant({ do: 'insert' });
const remove: fc.Arbitrary<Remedy> = fc.constant({ do: 'remove' });
const label = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,9}$/);
const claim: fc.Arbitrary<Remedy> = fc.oneof(
  fc.constant({ do: 'claim' as const }),
  label.map(limit => ({ do: 'claim' as const, limit })),
);
const celery: fc.Arbitrary<Remedy> = fc.record(
  {
    do: fc.constant('celery' as const),
    task: fc.stringMatching(/^[a-z_]\w{0,5}(\.[a-z_]\w{0,5}){0,2}$/),
    args: names,
    kwargs: fc.dictionary(fc.stringMatching(/^[a-z_]\w{0,5}$/), name, {
      minKeys: 1,
      maxKeys: 3,
      noNullPrototype: true,
    }),
    queue: fc.stringMatching(/^[a-z0-9_.-]{1,9}$/),
    limit: label,
    withinMs: fc.integer({ min: 1_000, max: 1_000_000_000 }),
    priority: fc.integer({ min: 0, max: 9 }),
  },
  { requiredKeys: ['do', 'task', 'queue', 'withinMs'] },
);
const call: fc.Arbitrary<Remedy> = fc
  .stringMatching(/^[a-z_][a-zA-Z0-9_]{0,9}$/)
  .map(handler => ({ do: 'call', handler, timeoutMs: 30_000 }));
const park: fc.Arbitrary<Remedy> = words.map(reason => ({ do: 'park', reason }));
const append: fc.Arbitrary<Remedy> = fc.record({ do: fc.constant('append' as const), table, columns: names });
const some = (...remedies: fc.Arbitrary<Remedy>[]) =>
  fc
    .tuple(...remedies.map(remedy => fc.option(remedy, { nil: undefined })))
    .map(all => all.filter(one => one !== undefined));

const shape = fc.oneof(
  fc.record({ form: fc.constant('should' as const), heal: some(set, insert, remove, park) }),
  fc.record({
    form: fc.constant('broken' as const),
    heal: fc.oneof(
      some(append, append, set),
      some(append, remove),
      some(park),
      some(claim),
      some(call),
      some(celery),
    ),
  }),
);

const invariants: fc.Arbitrary<Invariant> = fc
  .record({
    shape,
    says: words,
    on: fc.record({ table, where }),
    key: fc.option(names, { nil: undefined }),
    mode: fc.constantFrom('observe' as const, 'heal' as const),
    guard: fc.option(fc.integer({ min: 1, max: 2_147_483_647 })),
    graceMs: fc.nat(1_000_000_000),
    everyMs: fc.option(fc.integer({ min: 100, max: 1_000_000_000 }), { nil: undefined }),
    touches: fc.uniqueArray(table, { maxLength: 3 }),
    sql: fc
      .tuple(name, name)
      .map(([a, b]) => `select ${quote(a)} as ${quote(b)},\n '${b.replaceAll("'", "''")}' from t`),
  })
  .map(({ shape, mode, ...rest }) => ({
    ...rest,
    ...shape,
    mode: shape.heal.length === 0 ? 'observe' : mode,
    name: 'round',
    place: { file: 'round.sql', line: 1 },
  }));

describe('a file that says what an invariant says', () => {
  it('is read back as that invariant, whatever its names hold', () => {
    fc.assert(
      fc.property(invariants, invariant => {
        const parsed = parse(print(invariant), 'round.sql');
        if (parsed.is !== 'invariant') throw new Error(JSON.stringify(parsed));
        expect({ ...parsed.invariant, place: invariant.place }).toEqual(invariant);
        expect(definitionHash(parsed.invariant)).toBe(definitionHash(invariant));
      }),
      { numRuns: 1000 },
    );
  });

  it('never becomes another invariant by a slip of one character', () => {
    const text = print({
      name: 'slip',
      says: 'x',
      form: 'broken',
      sql: 'select 1',
      on: { table: 't', where: undefined },
      key: ['id'],
      heal: [{ do: 'remove' }],
      mode: 'heal',
      guard: 7,
      graceMs: 1000,
      everyMs: 60_000,
      touches: ['u'],
      place: { file: 'slip.sql' },
    });
    const lines = text.split('\n').filter(line => line.startsWith('-- '));
    const slips = lines.flatMap((line, i) => {
      const end = line.indexOf(':') + 1;
      return Array.from({ length: end }, (_, at) => [i, line.slice(0, at) + line.slice(at + 1)] as const);
    });
    for (const [i, slip] of slips) {
      const parsed = parse(text.replace(lines[i]!, slip), 'slip.sql');
      expect([slip, parsed.is]).toEqual([slip, 'wrong']);
    }
  });
});

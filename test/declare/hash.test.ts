import { describe, expect, it } from 'vitest';
import { definitionHash } from '../../src/declare/hash.ts';
import type { Invariant } from '../../src/declare/invariant.ts';

const one: Invariant = {
  name: 'topics',
  says: 'A topic counts its posts',
  form: 'should',
  sql: 'select 1',
  on: { table: 'topics', where: undefined },
  key: ['a', 'b'],
  heal: [{ do: 'set', columns: ['a'] }, { do: 'insert' }],
  mode: 'observe',
  guard: 100,
  graceMs: 10_000,
  everyMs: undefined,
  touches: ['x', 'y'],
  place: { file: 'topics.sql', line: 1, sqlLine: 5 },
};

describe('definitionHash', () => {
  it('stays what it is: ledgers hold it', () => {
    expect(definitionHash(one)).toBe('feef61c590df5c52d285937a8531db9d892b114c1b897d174c3ee8a284c84edf');
  });

  it.each<[string, Partial<Invariant>]>([
    ['the place', { place: { file: 'elsewhere.ts', line: 9 } }],
    ['the sentence for people', { says: 'Topics count' }],
    ['the order of touches', { touches: ['y', 'x'] }],
    ['the order of properties', { heal: [{ columns: ['a'], do: 'set' }, { do: 'insert' }] }],
  ])("doesn't depend on %s", (_, change) => {
    expect(definitionHash({ ...one, ...change })).toBe(definitionHash(one));
  });

  it('depends on everything else', () => {
    const changes: Partial<Invariant>[] = [
      { name: 'other' },
      { form: 'broken' },
      { sql: 'select 2' },
      { on: { table: 'posts', where: undefined } },
      { on: { table: 'topics', where: 'a' } },
      { key: undefined },
      { key: ['b', 'a'] },
      { key: ['a, b'] },
      { heal: [] },
      { heal: [{ do: 'insert' }, { do: 'set', columns: ['a'] }] },
      { heal: [{ do: 'set', columns: 'all' }, { do: 'insert' }] },
      { mode: 'heal' },
      { guard: 101 },
      { guard: null },
      { graceMs: 0 },
      { everyMs: 60_000 },
      { touches: [] },
    ];
    const hashes = [{}, ...changes].map(change => definitionHash({ ...one, ...change }));
    expect(new Set(hashes).size).toBe(changes.length + 1);
  });
});

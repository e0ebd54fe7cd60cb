import { describe, expect, it } from 'vitest';
import type { Truth } from '../../demo/gremlin/truth.ts';
import type { Entry } from '../../demo/judge/journal.ts';
import { readOptions } from '../../demo/options.ts';
import { fit, inert, palette } from '../../demo/screen/paint.ts';
import { tell } from '../../demo/screen/story.ts';

const entry: Entry = {
  id: 1,
  invariant: 'order-total',
  action: 'set',
  table: '"public"."orders"',
  key: ['7'],
  key_columns: ['id'],
  before: { total_cents: '100', status: 'placed' },
  after: { total_cents: '150', status: 'placed' },
  subject: ['7'],
  because_of: null,
  committed_at: new Date(1000),
};
const fault = { kind: 'died', injected_at: new Date(200) } as Truth;
const plain = palette(false);

describe('a line of the story', () => {
  it('says which row, what changed, what was wrong, how long, and which invariant', () => {
    expect(tell(entry, [fault], plain).replace(/ {2,}/g, '  ')).toBe(
      '✓  0.8 s  worker died between writes  orders 7  total_cents 100 → 150  order-total',
    );
  });

  it('says so where the gremlin had no hand in it', () => {
    expect(tell(entry, [], plain)).toMatch(/^✓ {9}broken by hand/);
    expect(tell({ ...entry, because_of: 'x' }, [], plain)).toMatch(/follows, in one go/);
    expect(tell({ ...entry, action: 'undo' }, [], plain)).toMatch(/undone by a person/);
  });

  it('shows rows that came and went', () => {
    expect(tell({ ...entry, action: 'insert', before: null }, [], plain)).toMatch(
      /\(no row\) → total_cents 150/,
    );
    expect(tell({ ...entry, action: 'remove', after: null }, [], plain)).toMatch(
      /total_cents 100, status … → \(no row\)/,
    );
  });

  it('is inert, whatever the rows hold', () => {
    const evil = '\x1b]0;owned\x07\x1b[2J\r\n\u202egnp\u0085\u2028';
    const line = tell(
      {
        ...entry,
        invariant: evil,
        table: evil,
        key: [evil],
        before: { [evil]: evil },
        after: { [evil]: `${evil}!` },
      },
      [],
      plain,
    );
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });
});

describe('paint', () => {
  it('shortens what is long and names what is missing', () => {
    expect(inert('x'.repeat(50))).toBe(`${'x'.repeat(39)}…`);
    expect(inert(null)).toBe('null');
  });

  it('cuts to the width without counting colours', () => {
    const { red } = palette(true);
    expect(fit(`${red('abc')}def`, 4)).toBe(`${red('abc')}d`);
  });
});

describe('options', () => {
  it('are seconds and json, and nothing else', () => {
    expect(readOptions([])).toEqual({ seconds: undefined, json: false });
    expect(readOptions(['--seconds', '30', '--json'])).toEqual({ seconds: 30, json: true });
    expect(readOptions(['--json'])).toEqual({ seconds: 30, json: true });
    expect(readOptions(['--help'])).toBe('help');
    for (const wrong of [['--seconds', '0'], ['--seconds', 'x'], ['--second', '3'], ['now']]) {
      expect(readOptions(wrong)).toBeInstanceOf(Error);
    }
  });
});

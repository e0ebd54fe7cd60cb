import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distance, guess } from '../../src/declare/guess.ts';
import { scan, statement } from '../../src/declare/scan.ts';

const kinds = (text: string) =>
  [...scan(text)]
    .filter(token => token.kind !== 'space')
    .map(token => `${token.kind}${token.open ? '?' : ''} ${text.slice(token.start, token.end)}`);

describe('scan', () => {
  it.each([
    ["a'b''c'd", ['word a', "string 'b''c'", 'word d']],
    ["e'\\'' '\\'", ["string e'\\''", "string '\\'"]],
    ["like'\\'", ['word like', "string '\\'"]],
    ['"a""b"."c"', ['quoted "a""b"', 'other .', 'quoted "c"']],
    ['$1 $$a$$ $x$ $$ $x$', ['other $', 'other 1', 'string $$a$$', 'string $x$ $$ $x$']],
    ['a$b$c$b$', ['word a$b$c$b$']],
    ['1--x\n2', ['other 1', 'comment --x', 'other 2']],
    ['/* a /* b */ c */ d', ['comment /* a /* b */ c */', 'word d']],
    ["'a", ["string? 'a"]],
    ['"a', ['quoted? "a']],
    ['$$a', ['string? $$a']],
    ['/* a /* b */', ['comment? /* a /* b */']],
    ['größe', ['word größe']],
  ])('%j', (text, expected) => expect(kinds(text)).toEqual(expected));

  const snippets = fc.constantFrom(
    "'",
    '"',
    '$$',
    '$a$',
    '/*',
    '*/',
    '--',
    '\n',
    ';',
    'a',
    ' ',
    'e',
    '\\',
    '(',
  );
  it('covers every text from end to end', () => {
    fc.assert(
      fc.property(fc.array(snippets), parts => {
        const text = parts.join('');
        let end = 0;
        for (const token of scan(text)) {
          expect(token.start).toBe(end);
          expect(token.end).toBeGreaterThan(end);
          end = token.end;
        }
        expect(end).toBe(text.length);
      }),
      { numRuns: 500 },
    );
  });

  it('takes a statement out of what stands around it, once and for all', () => {
    fc.assert(
      fc.property(fc.array(snippets), parts => {
        const text = parts.join('');
        const { sql, start } = statement(text);
        expect(text.slice(start, start + sql.length)).toBe(sql);
        expect(statement(sql).sql).toBe(sql);
      }),
      { numRuns: 500 },
    );
  });

  it('takes linear time where an end is missing', () => {
    const started = performance.now();
    for (const text of ["'", "e'", '"', "''".repeat(3)]) statement(text + "a''\\\\".repeat(100_000));
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('guesses', () => {
  it.each([
    ['heel', 'heal', 1],
    ['haeL', 'haeL', 0],
    ['hael', 'heal', 1],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ])('%s and %s are %d apart', (a, b, edits) => {
    expect(distance(a, b)).toBe(edits);
    expect(distance(b, a)).toBe(edits);
  });

  it.each([
    ['SET', 'set'],
    ['st', 'set'],
    ['inser', 'insert'],
    ['x', undefined],
    ['author', undefined],
    ['', undefined],
  ])('%s: %s', (word, meant) => {
    expect(guess(word, ['set', 'insert', 'remove', 'on'])).toBe(meant);
  });
});

import { describe, expect, test } from 'vitest';
import { Crowd } from '../../src/find/crowd.ts';

function crowd(...running: readonly number[]): number {
  const seen = new Crowd();
  for (const n of running) seen.saw(n);
  return seen.full;
}
const rounds = (of: (i: number) => number) => Array.from({ length: 40 }, (_, i) => of(i));

describe('how full it is', () => {
  test('nothing, where nobody writes, or little was seen', () => {
    expect(crowd()).toBe(0);
    expect(crowd(...rounds(() => 0))).toBe(0);
    expect(crowd(8, 7, 8, 6)).toBe(0);
  });

  test('much, where about as many are always at work, however many those are', () => {
    // Seen of TPC-C in one warehouse: eight clients that never rest.
    const seen = (i: number) =>
      [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 6, 6, 7][(7 * i) % 20] ?? 0;
    expect(crowd(...rounds(seen))).toBeGreaterThan(0.5);
    expect(crowd(0, ...rounds(i => 90 + (i % 10)).slice(0, 31))).toBeGreaterThan(0.9);
    expect(crowd(...rounds(i => (i % 20 === 0 ? 0 : 1)))).toBeGreaterThan(0.9);
  });

  test('little, where they come and go', () => {
    // The same, as many transactions as half of what there can be.
    expect(crowd(...rounds(i => [0, 0, 0, 0, 0, 0, 0, 1, 2, 4][(3 * i) % 10] ?? 0))).toBeLessThan(0.3);
    expect(crowd(...rounds(i => (i % 40 === 7 ? 200 : 0)))).toBeLessThan(0.5);
  });

  test('whoever stays is no crowd', () => {
    expect(crowd(...rounds(() => 3))).toBe(0);
    expect(crowd(...rounds(i => 3 + (i % 10 === 0 ? 4 : 0)))).toBeLessThan(0.3);
  });

  test('is forgotten', () => {
    expect(crowd(...rounds(i => 5 + (i % 4)), ...rounds(() => 0))).toBe(0);
  });
});

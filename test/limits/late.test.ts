import { expect, test } from 'vitest';
import { Lateness } from '../../src/limits/late.ts';

test('beyond the quickest answer, whatever the clocks say, and however they step', () => {
  const late = new Lateness();
  const theirs = 1_800_000_000_000;
  expect(late.of(1_005, theirs)).toBe(0);
  expect(late.of(2_001, theirs + 1_000)).toBe(0);
  expect(late.of(3_041, theirs + 2_000)).toBeCloseTo(39.9, 3);
  // Their clock went an hour back, then an hour ahead: an answer tells it, and the next is judged by that.
  expect(late.of(4_001, theirs + 3_000 - 3_600_000)).toBe(0);
  expect(late.of(5_021, theirs + 4_000 - 3_600_000)).toBeCloseTo(19.9, 3);
  expect(late.of(6_001, theirs + 5_000)).toBe(0);
  expect(late.of(7_021, theirs + 6_000)).toBeCloseTo(19.9, 3);
  // One that says too little of when it was made.
  expect(late.of(9_000, theirs + 7_000)).toBe(0);
});

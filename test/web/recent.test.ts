import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Recent } from '../../src/web/recent.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** What counts its calls, each of which takes so long. */
function counted(ms: number) {
  let calls = 0;
  return async () => {
    const nth = ++calls;
    await delay(1);
    vi.advanceTimersByTime(ms);
    return nth;
  };
}

test('what is cheap is counted anew, what is dear is kept for twenty times as long as it took', async () => {
  const recent = new Recent();
  const cheap = counted(10);
  expect([await recent.of('a', 0, cheap), await recent.of('a', 0, cheap)]).toEqual([1, 2]);
  const dear = counted(200);
  expect([await recent.of('b', 0, dear), await recent.of('b', 0, dear)]).toEqual([1, 1]);
  vi.advanceTimersByTime(3_900);
  expect(await recent.of('b', 0, dear)).toBe(1);
  vi.advanceTimersByTime(200);
  expect(await recent.of('b', 0, dear)).toBe(2);
  // However dear it is.
  const dearest = counted(60_000);
  await recent.of('c', 0, dearest);
  vi.advanceTimersByTime(10_100);
  expect(await recent.of('c', 0, dearest)).toBe(2);
});

test('what is being counted is counted once, what failed is counted again, and a decision forgets all', async () => {
  const recent = new Recent();
  const dear = counted(200);
  expect(await Promise.all([recent.of('a', 0, dear), recent.of('a', 0, dear)])).toEqual([1, 1]);
  recent.forget();
  expect(await recent.of('a', 0, dear)).toBe(2);
  const failing = () => Promise.reject(new Error('down'));
  await expect(recent.of('b', 1_000, failing)).rejects.toThrow('down');
  expect(await recent.of('b', 1_000, dear)).toBe(3);
});

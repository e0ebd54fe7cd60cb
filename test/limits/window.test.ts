/** What was sent late leaves an upstream's window late: nobody is sent into it too early. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pace } from '../../src/limits/budget.ts';
import { Window } from '../../src/limits/window.ts';

const rate = 400;
const gap = 1_000 / (rate * pace);

/** A process that sends what is due each `every`th time, and does nothing while it is held up: `from` till `till`. */
function sends(
  every: number,
  held: readonly { readonly from: number; readonly till: number }[],
  window: Pick<Window, 'opens' | 'sent'>,
): number[] {
  const sent: number[] = [];
  let now = 0;
  for (let due = 0; due < 8_000; due += every * gap) {
    now = Math.max(now, window.opens(due));
    for (const { from, till } of held) if (now >= from && now < till) now = till;
    window.sent(due, now);
    sent.push(now);
  }
  return sent;
}

const noWindow = { opens: (due: number) => due, sent: () => undefined };

/** Most within a second. */
function most(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [i, at] of sorted.entries()) {
    while ((sorted[first] as number) <= at - 1_000) first++;
    most = Math.max(most, i - first + 1);
  }
  return most;
}

test('a process that was held up once would send too much a second later', () => {
  const held = [{ from: 1_500, till: 1_600 }];
  expect(most(sends(1, held, noWindow))).toBeGreaterThan(rate + 30);
  const sent = sends(1, held, new Window(pace));
  expect(most(sent)).toBeLessThanOrEqual(rate);
  // And none is lost: they are what they were, as many, and the last ones on time again.
  expect(sent.length).toBe(sends(1, [], noWindow).length);
  expect((sent.at(-1) as number) - (sends(1, [], noWindow).at(-1) as number)).toBeLessThan(70);
});

test('whoever is held up, and when, no second has more than the limit, but for one of each process', () => {
  const stall = fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 140 }));
  const process = fc.array(stall, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(process, { minLength: 4, maxLength: 4 }), all => {
      const sent = all.flatMap(stalls => {
        const held = stalls.map(([at, ms], i) => ({
          from: 2_500 * i + at,
          till: 2_500 * i + at + ms / (i + 1),
        }));
        return sends(4, held, new Window(pace));
      });
      expect(most(sent)).toBeLessThanOrEqual(rate + 4);
    }),
    { numRuns: 200 },
  );
});

test('where timers are always late, it doesn’t add up', () => {
  const window = new Window(pace);
  let late = 0;
  for (let due = 0; due < 60_000; due += 10) {
    const now = window.opens(due) + 30;
    window.sent(due, now);
    late = now - due;
  }
  expect(late).toBeLessThanOrEqual(180);
});

import { describe, expect, test } from 'vitest';
import { Harm } from '../../src/find/harm.ts';
import { Pace } from '../../src/find/pace.ts';

/** A second of a server: a round in its first 200 ms, and so many commits a millisecond, by the time since it began. */
function live(
  harm: Pick<Harm, 'began' | 'ended' | 'committed'>,
  second: number,
  rate: (ms: number) => number,
) {
  const from = second * 1_000;
  harm.began(from);
  let sum = 0;
  for (let ms = 0; ms < 1_000; ms++) {
    if (ms === 200) harm.ended(from + ms);
    sum += rate(ms);
    for (; sum >= 1; sum--) harm.committed(from + ms);
  }
}

function harmOf(rate: (ms: number) => number, seconds = 20): number | undefined {
  const harm = new Harm();
  let told: number | undefined;
  for (let second = 0; second < seconds && told === undefined; second++) {
    live(harm, second, rate);
    told = harm.take();
  }
  return told;
}

describe('what rounds cost the application', () => {
  test('nothing, where it commits as often as between them', () => {
    expect(harmOf(() => 0.4)).toBeCloseTo(0, 1);
  });
  test('the commits that are missing, where it has nothing to spare', () => {
    expect(harmOf(ms => (ms < 200 ? 0.2 : 0.6))).toBeCloseTo(2 / 3, 1);
  });
  test('nothing, where what they delay is made good right after them', () => {
    expect(harmOf(ms => (ms < 200 ? 0.5 : ms < 220 ? 1.6 : 0.6))).toBeCloseTo(0, 1);
  });
  test('no word, where few commits were seen', () => {
    expect(harmOf(() => 0.01)).toBeUndefined();
  });
  test('no word, where rounds leave no pause', () => {
    const harm = new Harm();
    for (let at = 0; at < 5_000; at += 10) {
      harm.began(at);
      for (let i = 0; i < 9; i++) harm.committed(at + i);
      harm.ended(at + 9);
    }
    expect(harm.take()).toBeUndefined();
  });
  test('no word of a clock that steps back while a round runs', () => {
    const harm = new Harm();
    harm.began(10_000);
    harm.ended(9_000);
    for (let i = 0; i < 1_000; i++) harm.committed(9_000 + i);
    expect(harm.take()).toBeUndefined();
    harm.began(9_900);
    harm.ended(9_950);
    expect(harm.take()).toBeUndefined();
  });
  test('is told of commits that capture tells late', () => {
    const harm = new Harm();
    const commits: number[] = [];
    const late = { began: (at: number) => harm.began(at), ended: (at: number) => harm.ended(at) };
    for (let s = 0; s < 10; s++)
      live({ ...late, committed: at => commits.push(at) }, s, ms => (ms < 200 ? 0.2 : 0.4));
    for (const at of commits) harm.committed(at);
    expect(harm.take()).toBeCloseTo(0.5, 1);
  });
});

test('pauses grow while rounds cost commits, and shrink when they no longer do', () => {
  const pace = new Pace();
  const ahead = 1_800_000_000_000;
  const server = {
    began: (at: number) => pace.began(at, at, { clock: ahead + at, running: 0 }),
    ended: (at: number) => pace.ended(at),
    committed: (at: number) => pace.committed(ahead + at),
  };
  let second = 0;
  const after = (seconds: number, rate: (ms: number) => number) => {
    for (const end = second + seconds; second < end; second++) live(server, second, rate);
    return pace.pauseAfter(100, 0);
  };
  const roomy = after(30, () => 0.6);
  const tight = after(30, ms => (ms < 200 ? 0.2 : 0.6));
  expect(tight).toBeGreaterThan(4 * roomy);
  expect(after(60, () => 0.6)).toBe(roomy);
  expect(pace.pauseAfter(1, 0)).toBe(40);
});

test('where clients wait for each other all the time, rounds may cost less', () => {
  const paused = (running: () => number) => {
    const pace = new Pace();
    const server = {
      began: (at: number) => pace.began(at, at, { clock: at, running: running() }),
      ended: (at: number) => pace.ended(at),
      committed: (at: number) => pace.committed(at),
    };
    for (let second = 0; second < 60; second++) live(server, second, ms => (ms < 200 ? 0.4 : 0.6));
    return pace.pauseAfter(100, 0);
  };
  let i = 0;
  const open = paused(() => (i++ % 8 === 0 ? 6 : 0));
  const closed = paused(() => 5 + (i++ % 4));
  expect(closed).toBeGreaterThan(1.5 * open);
});

test('whoever falls behind gets more of the time, whatever it costs', () => {
  const pace = new Pace();
  expect(pace.pauseAfter(100, 20_000)).toBeLessThan(pace.pauseAfter(100, 0));
  expect(pace.pauseAfter(10_000, 0)).toBe(2_000);
});

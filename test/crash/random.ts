/** A whole number from 0 up to, not including, n. */
export type Random = (n: number) => number;

/** Chance that can be repeated: the same seed, the same choices. (mulberry32) */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return n => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

/**
 * How many keys the next chunk takes: n ← clamp(rate·T, n/4, 1.2·n), the rate decayed by a quarter as in
 * pt-table-checksum; far below the target it doubles, so that small tables needn't wait for the climb.
 */
export interface Pace {
  readonly rows: number;
  /** Keys a millisecond, averaged. */
  readonly rate: number;
}

/** Milliseconds that a chunk should take, and at most. */
const target = 250;
export const most = 4 * target;

export function nextPace(pace: Pace, ms: number): Pace {
  const now = pace.rows / Math.max(ms, 0.5);
  const rate = pace.rate > 0 ? 0.75 * now + 0.25 * pace.rate : now;
  const growth = ms < target / 4 ? 2 : 1.2;
  const rows = Math.round(Math.min(Math.max(rate * target, pace.rows / 4), pace.rows * growth));
  return { rows: Math.max(rows, 1), rate };
}

/** After a timeout. */
export const halved = (pace: Pace): Pace => ({
  rows: Math.max(1, Math.floor(pace.rows / 2)),
  rate: pace.rate / 2,
});

import { setTimeout as delay } from 'node:timers/promises';
import { createPool } from '../db/pool.ts';
import { type Overview, overview } from '../find/overview.ts';
import type { Meter } from './meter.ts';
import { grouped } from '../show/text.ts';

/** Keeps the meter up to date until told to end; asks seldom where asking is dear. Nothing where there is no terminal. */
export async function watch(url: string, meter: Meter, end: AbortSignal): Promise<void> {
  if (!process.stderr.isTTY) return;
  const pool = createPool(url, 1);
  while (!end.aborted) {
    const started = performance.now();
    const seen = await overview(pool).catch(() => undefined);
    if (!end.aborted) meter.show(seen ? line(seen) : '');
    const pause = Math.max(500, 20 * (performance.now() - started));
    await delay(pause, undefined, { signal: end }).catch(() => undefined);
  }
  meter.clear();
  await pool.end();
}

/** `sweeping topic-posts 34 % · open 2 · parked 0 · healed 12 within the hour` */
function line({ invariants, stopped }: Overview): string {
  const running = invariants.find(
    ({ sweep, provedAt }) => sweep.running && (sweep.running.rows > 0 || !provedAt),
  );
  const sum = (of: (one: Overview['invariants'][number]) => number) =>
    grouped(invariants.reduce((n, one) => n + of(one), 0));
  return [
    ...(stopped ? ['stopped by a person'] : []),
    ...(running?.sweep.running
      ? [`sweeping ${running.name} ${share(running.sweep.running.rows, running.sweep.rows)}`]
      : []),
    `open ${sum(one => one.open + one.approved)}`,
    `parked ${sum(({ parked }) => parked)}`,
    `healed ${sum(({ hour }) => hour.healed)} within the hour`,
  ].join(' · ');
}

/** The estimate may be behind: never a hundred before the end. */
export const share = (done: number, of: number): string =>
  of > 0 ? `${Math.min(99, Math.floor((100 * done) / of))} %` : `${grouped(done)} keys`;

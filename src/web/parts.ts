import type { Standing } from '../find/overview.ts';
import { grouped } from '../show/text.ts';
import { type Html, html } from './html.ts';

/** A state in a word: its colour only says it again. */
export const badge = (word: string, tone: Tone): Html => html`<span class="badge ${tone}">${word}</span>`;
export type Tone = 'good' | 'warn' | 'bad' | 'calm';

export function stateBadge({ state }: Standing): Html {
  const tones = {
    healing: 'good',
    observing: 'calm',
    looking: 'calm',
    held: 'bad',
    failed: 'bad',
    retired: 'calm',
  } as const;
  return badge(state, tones[state]);
}

/** Violations below the line, heals above it: a bar for each minute of the last hour. */
export function sparkline(opened: readonly number[], healed: readonly number[]): Html {
  const most = Math.max(1, ...opened, ...healed);
  // Few among many are still seen.
  const height = (n: number) => (n === 0 ? 0 : Math.max(1.5, (11 * Math.sqrt(n)) / Math.sqrt(most)));
  const sum = (all: readonly number[]) => grouped(all.reduce((a, b) => a + b, 0));
  const bars = (all: readonly number[], up: boolean) =>
    all
      .flatMap((n, i) => (n === 0 ? [] : [`M${2 * i + 0.75} 12v${((up ? -1 : 1) * height(n)).toFixed(1)}`]))
      .join('');
  return html`<svg
    class="spark"
    viewBox="0 0 120 24"
    preserveAspectRatio="none"
    role="img"
    aria-label="Within the hour: ${sum(opened)} found, ${sum(healed)} healed"
  >
    <path class="axis" d="M0 12h120" />
    <path class="healed" d="${bars(healed, true)}" />
    <path class="opened" d="${bars(opened, false)}" />
  </svg>`;
}

/** Two lines over time, on one scale. */
export function curves(history: readonly { readonly with: number; readonly without: number }[]): Html {
  const most = Math.max(1, ...history.map(one => Math.max(one.with, one.without)));
  const steps = Math.max(1, history.length - 1);
  const line = (of: 'with' | 'without') =>
    history
      .map(
        (one, i) =>
          `${i === 0 ? 'M' : 'L'}${((300 * i) / steps).toFixed(1)} ${(58 - (54 * one[of]) / most).toFixed(1)}`,
      )
      .join('');
  return html`<svg
    class="curves"
    viewBox="0 0 300 60"
    preserveAspectRatio="none"
    role="img"
    aria-label="What is wrong in both shops, over the last minutes"
  >
    <path class="without" d="${line('without')}" />
    <path class="with" d="${line('with')}" />
  </svg>`;
}

/** How far something is, of about so many. */
export function progress(done: number, of: number, label: string): Html {
  const share = of > 0 ? Math.min(1, done / of) : 0;
  return html`<progress max="1" value="${share.toFixed(3)}" aria-label="${label}"></progress>`;
}

/** 1.2 MB */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${n < 10 && i > 0 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

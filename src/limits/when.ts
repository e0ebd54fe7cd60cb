/** How upstreams write a time: a dozen ways, told apart by their look. */

/** Longer waits are not believed: the upstream is asked again then. Ms. */
export const mostWaitMs = 3_600_000;

const day = 86_400;
const unitsMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/**
 * How long until a time that an upstream names; ms, 0 for the past, at most an hour; undefined: it says nothing that makes
 * sense. Seconds from now (RFC 9110, 10.2.3), seconds or milliseconds since 1970, an HTTP date or RFC 3339, `Tue Feb 16 2021 …`,
 * and Go's durations (`6m0s`, `12ms`).
 * @param now by the upstream's clock where its answer tells it, ms since 1970
 */
export function untilMs(text: string, now: number): number | undefined {
  const trimmed = text.trim();
  if (trimmed.length > 100) return undefined;
  if (/^\d+(\.\d+)?$/.test(trimmed)) return fromNumber(Number(trimmed), now);
  if (/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(trimmed)) {
    let ms = 0;
    for (const [, n, unit] of trimmed.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g))
      ms += Number(n) * (unitsMs[unit as string] ?? 0);
    return clamped(ms);
  }
  // A year and something else: Date.parse takes nearly everything for a date.
  if (!/\d{4}/.test(trimmed) || !/[-:,]|[a-z]{3}/i.test(trimmed) || trimmed.startsWith('-')) return undefined;
  const at = Date.parse(trimmed);
  return Number.isNaN(at) ? undefined : clamped(at - now);
}

function fromNumber(n: number, now: number): number | undefined {
  if (n <= 31 * day) return clamped(n * 1_000);
  if (n >= 1e9 && n < 1e11) return clamped(n * 1_000 - now);
  if (n >= 1e11 && n < 1e14) return clamped(n - now);
  return undefined;
}

export const clamped = (ms: number): number | undefined =>
  Number.isFinite(ms) ? Math.min(mostWaitMs, Math.max(0, ms)) : undefined;

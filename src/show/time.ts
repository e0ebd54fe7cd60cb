/** How long, in one unit: `40 ms`, `3 s`, `12 min`, `5 h`, `2 d`. */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ['s', 1000];
  const n = ms / size;
  return `${n < 10 && unit === 's' ? n.toFixed(1).replace('.0', '') : Math.floor(n)} ${unit}`;
}
const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

export const between = (from: Date, to: Date): string => span(to.getTime() - from.getTime());

/** `2026-11-23 19:04:11`, in the time zone of this machine. */
export function moment(at: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${clock(at)}`;
}

export const clock = (at: Date): string =>
  [at.getHours(), at.getMinutes(), at.getSeconds()].map(n => String(n).padStart(2, '0')).join(':');

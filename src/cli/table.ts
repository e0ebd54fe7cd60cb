import { pad, padLeft, width } from './text.ts';

/** Aligned columns, two spaces apart, the titles first. `right`: columns of numbers, from 0. */
export function table(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  { right = [] }: { right?: readonly number[] } = {},
): string[] {
  const all = [titles, ...rows];
  const widths = titles.map((_, i) => Math.max(...all.map(row => width(row[i] ?? ''))));
  return all.map(row =>
    row
      .map((cell, i) => (right.includes(i) ? padLeft(cell, widths[i] ?? 0) : pad(cell, widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

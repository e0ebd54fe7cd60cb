/** Colours, widths, and values from a database made harmless. */
const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export type Paint = { readonly [Colour in keyof typeof codes]: (text: string) => string };

export function palette(colours: boolean): Paint {
  const paint = (code: number) => (text: string) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
  return Object.fromEntries(Object.entries(codes).map(([colour, code]) => [colour, paint(code)])) as Paint;
}

/** A value as one short piece of text: control characters and marks that turn the writing show as `·`. */
export function inert(value: string | null | undefined, longest = 40): string {
  if (value === null || value === undefined) return 'null';
  const text = Array.from(value, char => (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(char) ? '·' : char));
  return text.length > longest ? `${text.slice(0, longest - 1).join('')}…` : text.join('');
}

/** Cuts a painted line to so many columns. Our own codes count nothing; East Asian width isn't looked at. */
export function fit(line: string, columns: number): string {
  let width = 0;
  let cut = '';
  // eslint-disable-next-line no-control-regex
  for (const [piece] of line.matchAll(/\x1b\[\d+m|./gsu)) {
    if (piece.startsWith('\x1b')) cut += piece;
    else if (++width <= columns) cut += piece;
  }
  return cut;
}

export function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
}

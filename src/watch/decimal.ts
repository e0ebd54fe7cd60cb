/** A number exactly: n · 10^-scale, as `numeric` and the integer types hold it. */
export interface Decimal {
  readonly n: bigint;
  readonly scale: number;
}

/** @returns undefined: NaN, infinite, or longer than any amount is */
export function read(text: string): Decimal | undefined {
  if (text.length > 100 || !/^-?\d+(\.\d+)?$/.test(text)) return undefined;
  const point = text.indexOf('.');
  if (point === -1) return { n: BigInt(text), scale: 0 };
  return { n: BigInt(text.slice(0, point) + text.slice(point + 1)), scale: text.length - point - 1 };
}

export const plus = (a: Decimal, b: Decimal): Decimal => {
  const scale = Math.max(a.scale, b.scale);
  return { n: at(a, scale) + at(b, scale), scale };
};

export const minus = (a: Decimal, b: Decimal): Decimal => plus(a, { n: -b.n, scale: b.scale });

export const times = (a: Decimal, b: Decimal): Decimal => ({ n: a.n * b.n, scale: a.scale + b.scale });

const at = ({ n, scale }: Decimal, wanted: number): bigint =>
  scale === wanted ? n : n * 10n ** BigInt(wanted - scale);

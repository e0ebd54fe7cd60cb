import { grouped } from './text.ts';

/** Units in the time that makes the number easy to read. */
export function rate(perSecond: number): string {
  const [n, unit] =
    perSecond >= 1
      ? [perSecond, 's']
      : perSecond * 60 >= 1
        ? [perSecond * 60, 'min']
        : perSecond * 3_600 >= 1
          ? [perSecond * 3_600, 'hour']
          : [perSecond * 86_400, 'day'];
  return `${n >= 100 ? grouped(Math.round(n)) : Number(n.toPrecision(3))}/${unit}`;
}

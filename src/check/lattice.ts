/**
 * Finitely many values that tell every order apart which n columns and some constants can be in. Values lie on lattices: whole numbers,
 * multiples of 0.01, days, microseconds, the doubles. Between two neighbouring constants lie at most n of the columns' values, so the n
 * places next to each constant will do: in any other arrangement they can be moved there without passing each other.
 */
export function places(anchors: Iterable<bigint>, step: bigint, n: number): bigint[] {
  const all = [...new Set(anchors)];
  const [lowest] = all.toSorted((a, b) => (a < b ? -1 : 1));
  const found: bigint[] = [];
  for (let i = 0n; i <= n; i++) {
    for (const anchor of all) {
      const floor = anchor - (((anchor % step) + step) % step);
      const ceiling = floor === anchor ? floor : floor + step;
      found.push(ceiling + i * step);
      // One side is enough, but where few columns are compared both look more like what was asked; below the lowest there is no other.
      if (n <= 2 || anchor === lowest) found.push(floor - i * step);
      else if (i === 0n) found.push(floor);
    }
  }
  return [...new Set(found)];
}

const decimal = /^(-?)(\d{1,40})(?:\.(\d{0,40}))?$/;

/** How many digits stand behind the point. */
export const digitsIn = (text: string): number => decimal.exec(text)?.[3]?.length ?? 0;

/** A decimal number in units of 10^-scale; undefined: it is none. */
export function fromDecimal(text: string, scale: number): bigint | undefined {
  const [match, sign, whole = '', part = ''] = decimal.exec(text) ?? [];
  if (match === undefined) return undefined;
  const value = BigInt(whole + part.padEnd(scale, '0').slice(0, scale));
  return sign === '-' ? -value : value;
}

export function toDecimal(value: bigint, scale: number): string {
  if (scale === 0) return String(value);
  const text = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  const part = text.slice(-scale).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${text.slice(0, -scale)}${part === '' ? '' : `.${part}`}`;
}

const view = new DataView(new ArrayBuffer(8));

/** Doubles in their order, one after the other. */
export function fromDouble(value: number): bigint {
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigInt64(0);
  return value < 0 ? -bits : bits;
}

export function toDouble(order: bigint): string {
  view.setBigInt64(0, order < 0n ? -order : order);
  const value = view.getFloat64(0);
  return String(order < 0n ? -value : value);
}

const moment =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/** Microseconds since 1970, of a date or a time as ISO 8601 writes it; undefined: it is none, or its zone isn't said where one matters. */
export function fromMoment(text: string, type: string): bigint | undefined {
  const [match, year, month, day, hour = '00', minute = '00', second = '00', part = '', zone] =
    moment.exec(text) ?? [];
  if (match === undefined || Number(year) < 1000) return undefined;
  const zoned = type === 'timestamp with time zone';
  if (zoned !== (zone !== undefined) || (type === 'date' && text.length > 10)) return undefined;
  const offset =
    zone === undefined || zone === 'Z'
      ? 'Z'
      : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`);
  // The thirtieth of February, 25:00: whether Postgres takes them is its own business.
  if (Number.isNaN(ms) || (offset === 'Z' && new Date(ms).toISOString().slice(0, 10) !== text.slice(0, 10)))
    return undefined;
  return BigInt(ms) * 1000n + BigInt(part.padEnd(6, '0'));
}

export function toMoment(micros: bigint, type: string): string {
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const iso = new Date(Number((micros - rest) / 1000n)).toISOString();
  if (type === 'date') return iso.slice(0, 10);
  const part = rest === 0n ? '' : `.${String(rest).padStart(6, '0')}`;
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${part}${type === 'timestamp with time zone' ? '+00' : ''}`;
}

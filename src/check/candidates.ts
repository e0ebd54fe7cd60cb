import type { Column } from './columns.ts';
import { literal, nodesOf } from './expression.ts';
import {
  digitsIn,
  fromDecimal,
  fromDouble,
  fromMoment,
  places,
  toDecimal,
  toDouble,
  toMoment,
} from './lattice.ts';

/**
 * Values to try in a column, as text; constants first, so that a witness looks like what was asked.
 * @param conditions all that compare it, directly or by way of other columns
 * @param columns those that it is compared with in these, itself among them
 */
export function candidates(
  column: Column,
  conditions: readonly unknown[],
  columns: readonly Column[],
): readonly (string | null)[] {
  const constants = constantsIn(conditions);
  const values = [...new Set(valuesOf(column, constants, columns))];
  return column.nullable ? [...values, null] : values;
}

function valuesOf(column: Column, constants: readonly string[], columns: readonly Column[]): string[] {
  const alike = Math.max(1, columns.filter(({ kind }) => kind === column.kind).length);
  switch (column.kind) {
    case 'boolean':
      return ['true', 'false'];
    case 'enum':
      return [...column.labels];
    case 'text': {
      // A string of its own for each column: two columns may differ from all constants, and from each other.
      const fresh = Array.from(
        { length: constants.length + alike },
        (_, i) => alphabet[i] ?? String.fromCodePoint(0x4e00 + i),
      );
      const most = column.most ?? Infinity;
      return [...constants, ...fresh.filter(one => !constants.includes(one)).slice(0, alike)].filter(
        one => Array.from(one).length <= most,
      );
    }
    case 'uuid': {
      const known = constants.map(one => one.toLowerCase()).filter(one => uuid.test(one));
      const fresh = Array.from(
        { length: known.length + alike },
        (_, i) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
      );
      return [...known, ...fresh.filter(one => !known.includes(one)).slice(0, alike)];
    }
    case 'integer':
    case 'number':
      return numbers(column, constants, columns);
    case 'float': {
      const anchors = [...constants.map(Number), 0, -Number.MAX_VALUE, Number.MAX_VALUE].filter(
        Number.isFinite,
      );
      const most = fromDouble(Number.MAX_VALUE);
      const near = places(anchors.map(fromDouble), 1n, alike).filter(one => one >= -most && one <= most);
      // What differs in the last digit tells all apart, and looks odd in a witness: a half is tried first.
      return [...anchors.flatMap(one => [one, one + 0.5]).map(String), ...near.map(toDouble), ...specials];
    }
    case 'moment': {
      const { type } = column;
      const anchors = [...constants.map(one => fromMoment(one, type)), fromMoment('2000-01-01', 'date')];
      const step = type === 'date' ? 86_400_000_000n : 1n;
      const known = anchors.filter(one => one !== undefined);
      return [...places(known, step, alike).map(one => toMoment(one, type)), 'infinity', '-infinity'];
    }
    case 'other':
      return fillings[column.type] ?? (column.type.endsWith('[]') ? ['{}'] : []);
  }
}
const alphabet = Array.from('abcdefghijklmnopqrstuvwxyz');
/** As Postgres prints one. */
export const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const specials = ['NaN', 'Infinity', '-Infinity'];

const bounds: Readonly<Record<string, bigint>> = {
  smallint: 2n ** 15n,
  integer: 2n ** 31n,
  bigint: 2n ** 63n,
};

/** Whole numbers and decimals, in units of the finest of them; the coarser ones are anchors for the finer ones. */
function numbers(column: Column, constants: readonly string[], columns: readonly Column[]): string[] {
  const all = [column, ...columns].filter(({ kind }) => kind === 'integer' || kind === 'number');
  const n = Math.max(1, all.length - 1);
  const endless = all.some(({ kind, digits }) => kind === 'number' && !digits);
  const finest = Math.max(0, ...all.map(({ digits }) => digits?.scale ?? 0), ...constants.map(digitsIn));
  // Room for n values between any two constants.
  const scale = finest + (endless ? String(n + 1).length + 1 : 0);
  const unit = (digits: number) => 10n ** BigInt(scale - digits);
  const stepOf = ({ kind, digits }: Column) =>
    kind === 'integer' ? unit(0) : digits ? unit(digits.scale) : 1n;
  const least = ({ type, kind, digits }: Column): [bigint, bigint] | undefined => {
    if (kind === 'integer') return [-(bounds[type] ?? 1n) * unit(0), ((bounds[type] ?? 1n) - 1n) * unit(0)];
    if (!digits) return undefined;
    const most = (10n ** BigInt(digits.precision) - 1n) * unit(digits.scale);
    return [-most, most];
  };
  let anchors = [
    ...constants.flatMap(one => fromDecimal(one, scale) ?? []),
    0n,
    ...all.flatMap(one => least(one) ?? []),
  ];
  const own = stepOf(column);
  const steps = [...new Set(all.map(stepOf))].filter(one => one > own).toSorted((a, b) => (a > b ? -1 : 1));
  for (const step of steps) anchors = [...new Set([...anchors, ...places(anchors, step, n)])];
  const [from, to] = least(column) ?? [undefined, undefined];
  const near = places(anchors, own, n)
    .filter(one => from === undefined || (one >= from && one <= to))
    .map(one => toDecimal(one, scale));
  if (column.kind === 'integer') return near;
  return [...near, ...(column.digits ? ['NaN'] : specials)];
}

/** Good for a witness, never for a proof. */
const fillings: Readonly<Record<string, string[]>> = {
  real: ['0', '1', '-1', 'NaN'],
  'timestamp without time zone': ['2000-01-01', '2100-01-01', 'infinity', '-infinity'],
  'timestamp with time zone': ['2000-01-01', '2100-01-01', 'infinity', '-infinity'],
  json: ['{}'],
  jsonb: ['{}', '[]', 'null'],
  bytea: ['\\x', '\\x00'],
  interval: ['0', '1 day'],
  'time without time zone': ['00:00', '12:00'],
  inet: ['127.0.0.1'],
  character: ['a'],
  xml: ['<a/>'],
};

function constantsIn(conditions: readonly unknown[]): string[] {
  const found = conditions.flatMap(one =>
    [...nodesOf(one)].flatMap(node => ('A_Const' in node ? [literal(node)] : [])),
  );
  return [...new Set(found.filter(one => one !== undefined))];
}

import { literal, nodesOf } from './expression.ts';
import type { Column } from './table.ts';

/** Values to try in a column, as text; constants first, so that a witness looks like what was asked. */
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
  const alike = columns.filter(({ kind }) => kind === column.kind).length;
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
    case 'integer':
      return integers(column, constants, columns, alike);
    case 'other':
      return others(column, constants);
  }
}
const alphabet = Array.from('abcdefghijklmnopqrstuvwxyz');

const bounds: Readonly<Record<string, bigint>> = {
  smallint: 2n ** 15n,
  integer: 2n ** 31n,
  bigint: 2n ** 63n,
};

/** Between two constants lie at most so many values that n columns can tell apart: the n next to each. */
function integers(
  column: Column,
  constants: readonly string[],
  columns: readonly Column[],
  n: number,
): string[] {
  const edges = columns.flatMap(({ type }) =>
    bounds[type] === undefined ? [] : [-bounds[type], bounds[type] - 1n],
  );
  const anchors = [...constants.filter(one => /^-?\d{1,18}$/.test(one)).map(BigInt), 0n, ...edges];
  const most = bounds[column.type] ?? 0n;
  const near = Array.from({ length: n + 1 }, (_, i) => BigInt(i)).flatMap(i =>
    anchors.flatMap(one => (i === 0n ? [one] : [one + i, one - i])),
  );
  return near.filter(one => one >= -most && one < most).map(String);
}

/** Good for a witness, never for a proof. */
function others({ type, most }: Column, constants: readonly string[]): string[] {
  const numbers = constants.filter(one => /^-?\d{1,9}(\.\d{1,6})?$/.test(one));
  if (type === 'numeric' || type === 'double precision' || type === 'real') {
    // numeric(10,2) rounds what it is given: only 0 is sure to be one of its values.
    if (most !== undefined) return ['0'];
    return [...numbers.flatMap(one => [one, String(Number(one) + 1), String(Number(one) - 1)]), '0', 'NaN'];
  }
  if (/^timestamp|^date$/.test(type)) {
    const dates = constants.filter(one => /^\d{4}-\d\d-\d\d$/.test(one));
    return [...dates, '2000-01-01', '2100-01-01', 'infinity', '-infinity'];
  }
  return type === 'uuid' ? ['00000000-0000-0000-0000-000000000000'] : [];
}

function constantsIn(conditions: readonly unknown[]): string[] {
  const found = conditions.flatMap(one =>
    [...nodesOf(one)].flatMap(node => ('A_Const' in node ? [literal(node)] : [])),
  );
  return [...new Set(found.filter(one => one !== undefined))];
}

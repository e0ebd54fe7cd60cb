import type { Column } from '../check/table.ts';
import type { Kind } from './tables.ts';

/** The clock when the drill began, and the spans of time that queries name; ms. */
export interface Spans {
  readonly now: number;
  readonly ms: readonly number[];
}

/** The n-th value of a type, as text; undefined: it has no more, or the type isn't known. */
export function valueOf({ category, name }: Kind, n: number, spans: Spans): string | undefined {
  switch (category) {
    case 'B':
      return ['true', 'false'][n];
    case 'N':
      return name === 'oid' || name.startsWith('reg') ? undefined : String(n + 1);
    case 'S':
      return textOf(n);
    case 'D':
      return moment(name, n, spans);
    case 'T':
      return `${n + 1} hours`;
    case 'I':
      return name === 'cidr' ? `10.0.${n}.0/24` : `10.0.0.${n + 1}`;
    case 'V':
      return name === 'varbit' ? (n + 1).toString(2) : undefined;
    case 'R':
      return range(name, n, spans);
    case 'U':
      return other(name, n);
    default:
      return name === 'bit' ? ['0', '1'][n] : undefined;
  }
}

function textOf(n: number): string {
  return n < 26 ? String.fromCodePoint(97 + n) : `${textOf(Math.floor(n / 26) - 1)}${textOf(n % 26)}`;
}

/** Moments whose distance from now stays on the same side of every span for as long as a drill takes. */
function moment(name: string, n: number, { now, ms }: Spans): string | undefined {
  const hour = 36e5;
  if (name === 'time' || name === 'timetz') return `${String(n % 24).padStart(2, '0')}:00:00`;
  const long = ms.filter(span => span > 4 * hour);
  const ages = [
    -1 * hour,
    ...ms.map(span => 2 * span + 26 * hour),
    ...long.map(span => span / 2),
    -2 * hour,
    400 * 24 * hour,
  ];
  const age = ages[n] ?? (400 + n) * 24 * hour;
  const text = new Date(now - age).toISOString();
  if (name === 'date') return new Date(now - n * 24 * hour).toISOString().slice(0, 10);
  return name === 'timestamp' ? text.slice(0, -1) : text;
}

function range(name: string, n: number, spans: Spans): string | undefined {
  if (name.endsWith('multirange')) return '{}';
  if (/^(int|num)/.test(name)) return `[${n + 1},${n + 2})`;
  const inner = { tstzrange: 'timestamptz', tsrange: 'timestamp', daterange: 'date' }[name];
  return inner && `["${moment(inner, n + 20, spans)}",)`;
}

function other(name: string, n: number): string | undefined {
  switch (name) {
    case 'uuid':
      return `00000000-0000-4000-8000-${String(n + 1).padStart(12, '0')}`;
    case 'bytea':
      return `\\x${(n + 1).toString(16).padStart(2, '0')}`;
    case 'tsvector':
      return `'${textOf(n)}':1`;
    case 'tsquery':
      return `'${textOf(n)}'`;
    case 'xml':
      return `<${textOf(n)}/>`;
    case 'macaddr':
      return `08:00:2b:01:02:${(n % 256).toString(16).padStart(2, '0')}`;
    case 'hstore':
      return `"${textOf(n)}"=>"1"`;
    case 'ltree':
      return textOf(n);
    case 'pg_lsn':
      return `0/${(n + 1).toString(16)}`;
    default:
      return undefined;
  }
}

export function arrayValue({ element = '' }: Kind, n: number, spans: Spans): string | undefined {
  const kind = (category: string, name: string): Kind => ({ category, name, element: undefined });
  const inner = /int|numeric|double|real/.test(element)
    ? kind('N', 'int8')
    : element.startsWith('bool')
      ? kind('B', 'bool')
      : /^(timestamp|date)/.test(element)
        ? kind('D', element.includes('with time zone') ? 'timestamptz' : (element.split(' ')[0] ?? ''))
        : element === 'uuid'
          ? kind('U', 'uuid')
          : kind('S', 'text');
  if (n > 5) return undefined;
  const items = Array.from({ length: n % 3 }, (_, i) => valueOf(inner, n + i, spans));
  return `{${items.map(item => `"${item}"`).join(',')}}`;
}

/** A document in which each path that a query follows leads to something. */
export function jsonValue(
  leaves: readonly { steps: readonly (string | number)[]; values: readonly string[] }[],
  n: number,
): string | undefined {
  if (leaves.length === 0) return n > 5 ? undefined : JSON.stringify(n === 0 ? {} : { a: n });
  const most = Math.max(6, 2 * Math.max(...leaves.map(({ values }) => values.length)));
  if (n > most) return undefined;
  let document: unknown;
  const sorted = leaves.toSorted((a, b) => a.steps.length - b.steps.length);
  for (const [i, { steps, values }] of sorted.entries()) {
    const leaf = values.length > 0 ? values[(n * (i + 1) + i) % values.length] : 1 + ((n + i) % 3);
    document = put(document, steps, leaf);
  }
  return JSON.stringify(document);
}

function put(into: unknown, [step, ...rest]: readonly (string | number)[], leaf: unknown): unknown {
  if (step === undefined) return leaf;
  if (typeof step === 'number') {
    const list = Array.isArray(into) ? [...(into as unknown[])] : [];
    for (let i = 0; i <= step; i++) list[i] ??= null;
    list[step] = put(list[step], rest, leaf);
    return list;
  }
  const object = typeof into === 'object' && into !== null && !Array.isArray(into) ? into : {};
  return { ...object, [step]: put((object as Record<string, unknown>)[step], rest, leaf) };
}

/** May the text be one of the column's values? Postgres is asked in the end; this spares it the obvious. */
export function fits({ category, name }: Kind, column: Column | undefined, value: string): boolean {
  if (category === 'E') return column?.labels.includes(value) ?? false;
  if (category === 'B') return /^(true|false|t|f)$/.test(value);
  if (/^int[248]$/.test(name)) return /^-?\d{1,18}$/.test(value);
  if (category === 'N') return /^-?\d+(\.\d+)?$/.test(value);
  if (category === 'D') return /^\d{4}-\d\d-\d\d|^-?infinity$/.test(value);
  if (category === 'S') return Array.from(value).length <= (column?.most ?? Infinity);
  if (name === 'uuid') return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(value);
  return category !== 'A' && !/^jsonb?$/.test(name);
}

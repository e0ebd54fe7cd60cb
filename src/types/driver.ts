/** What a value is in TypeScript: as it is read, and as it may be written. */
export interface Expressed {
  readonly read: string;
  readonly write: string;
  /** Names that both speak of, defined in the file: see `definitions`. */
  readonly needs?: keyof typeof definitions;
}

export const definitions = {
  Interval: `/** An interval as \`pg\` reads it. */
export interface Interval {
  years?: number;
  months?: number;
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
  milliseconds?: number;
  toPostgres(): string;
  toISOString(): string;
}`,
  Json: `export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined };`,
  Point: `export interface Point {
  x: number;
  y: number;
}`,
  Circle: `export interface Circle {
  x: number;
  y: number;
  radius: number;
}`,
} as const;

const same = (type: string): Expressed => ({ read: type, write: type });
const date: Expressed = { read: 'Date', write: 'Date | string' };

/** What `pg` makes of a type, by its number; of every other it gives the text. Those without a parser for arrays: text, too. */
const known: Readonly<Record<number, Expressed & { readonly array?: false | Expressed }>> = {
  16: same('boolean'),
  17: same('Buffer'),
  20: { read: 'string', write: 'string | number | bigint' },
  21: same('number'),
  23: same('number'),
  26: same('number'),
  114: { read: 'Json', write: 'string', needs: 'Json' },
  600: { read: 'Point', write: 'string', needs: 'Point' },
  700: same('number'),
  701: same('number'),
  718: { read: 'Circle', write: 'string', needs: 'Circle', array: false },
  1082: date,
  1114: date,
  1184: date,
  1186: { read: 'Interval', write: 'Interval | string', needs: 'Interval' },
  1700: { read: 'string', write: 'string | number', array: { read: 'number', write: 'string | number' } },
  3802: { read: 'Json', write: 'string', needs: 'Json' },
};

/** Types of text whose arrays `pg` takes apart: bpchar, varchar, text, uuid, inet, cidr, macaddr, money, time, timetz, numrange. */
const textArrays = new Set([1042, 1043, 25, 2950, 869, 650, 829, 790, 1083, 1266, 3906]);

export function expressed(oid: number, array: boolean): Expressed {
  const one = known[oid] ?? same('string');
  if (!array) return one;
  const { array: element = known[oid] ?? (textArrays.has(oid) ? one : false) } = known[oid] ?? {};
  // Without a parser it comes as the text `{a,b}`, and goes as either.
  if (element === false) return { read: 'string', write: 'string | readonly string[]' };
  const { read, write, needs } = element;
  const many = (type: string) => (type.includes('|') ? `(${type})[]` : `${type}[]`);
  return { read: many(read), write: many(write), ...(needs ? { needs } : {}) };
}

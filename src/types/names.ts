/** What the file itself speaks of. */
const taken = [
  'Array',
  'Buffer',
  'Circle',
  'ColumnType',
  'DB',
  'Date',
  'Generated',
  'GeneratedAlways',
  'Interval',
  'Json',
  'Point',
];

/** Gives every table and enum a name of its own in TypeScript; the same for the same, asked in the same order. */
export class Names {
  readonly #taken = new Set(taken);

  /** `app` and `order_lines` become AppOrderLines; where unqualified names mean it, OrderLines. */
  of({ schema, name, visible }: { schema: string; name: string; visible: boolean }): string {
    const wanted = pascal(visible ? name : `${schema}_${name}`);
    let free = wanted;
    for (let n = 2; this.#taken.has(free); n += 1) free = `${wanted}${n}`;
    this.#taken.add(free);
    return free;
  }
}

function pascal(name: string): string {
  const words = name.split(/[^\p{L}\p{N}$]+/u).filter(Boolean);
  const joined = words.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return /^[\p{L}$]/u.test(joined) ? joined : `_${joined}`;
}

/** A property's name as it stands in an interface. */
export const property = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : string(name));

/** A string literal. */
export function string(value: string): string {
  const escaped = value.replace(/['\\]|[^\P{C}\u00ad]|[\u2028\u2029]/gu, one => {
    if (one === "'" || one === '\\') return `\\${one}`;
    return `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`;
  });
  return `'${escaped}'`;
}

/** Something to be said in a comment: no end of it, in one line. */
export const remark = (words: string): string =>
  words.replace(/[\p{C}\u2028\u2029]/gu, ' ').replaceAll('*/', '*\\/');

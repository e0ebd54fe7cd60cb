import { quote } from '../db/pool.ts';
import { restrict } from '../watch/scope/restrict.ts';
import type { Bound } from './bind.ts';

/**
 * The invariant as a question to Postgres: of given keys, of a key range, or of everything. Each form gives rows of text
 *
 *   key columns · kind · present · result columns (what should be) · the governed row's columns (what is) · repeats
 *
 * A `should` becomes a full join of the governed rows with the declared ones, so that zero groups, NULLs and both
 * directions are right by construction; values are cast to the column's type first, because that is what would be stored.
 */
export type Draft = Omit<Bound, 'costs'>;

/** How to ask of given keys. `lateral`: key by key, through indexes; `any`: in one go. `$1…` are text arrays, one a key column. */
export function byKeys(bound: Draft, form: 'lateral' | 'any'): string {
  const { key } = bound;
  const args = key.map((_, i) => `$${i + 1}::text[]`).join(', ');
  const list = key.map(({ base }, i) => `u.k${i}::${base} as k${i}`).join(', ');
  // Distinct by value: '1.0' and '1.00' are one key, and one question.
  const asked = `(select distinct ${list} from unnest(${args}) u(${key.map((_, i) => `k${i}`).join(', ')})) p`;
  const equal = (columns: readonly string[]) =>
    columns.map((column, i) => `${column} = p.k${i}`).join(' and ');
  if (form === 'lateral') {
    const inner = answer(bound, { sql: bound.scope.inlined, on: equal, one: true });
    return `select x.* from ${asked} cross join lateral (${inner} offset 0) x`;
  }
  // There are no arrays of arrays: `= any` would compare with what is in them.
  const some = (column: string, base: string, n: number) =>
    base.endsWith('[]')
      ? `${column} in (select u.k::${base} from unnest($${n}::text[]) u(k))`
      : `${column} = any($${n}::text[]::${base}[])`;
  const among = (columns: readonly string[]) =>
    columns.map((column, i) => some(column, key[i]?.base ?? '', i + 1)).join(' and ');
  const inner = answer(bound, { sql: bound.invariant.sql, on: among, one: false });
  if (key.length === 1) return inner;
  return `select x.* from (${inner}) x join ${asked} on ${key.map(({ base }, i) => `x.k${i}::${base} = p.k${i}`).join(' and ')}`;
}

/** Of one key in which some columns are NULL: `=` never finds those. `nulls[i]` tells which. */
export function byNullKey(bound: Draft, nulls: readonly boolean[]): string {
  let n = 0;
  const values = bound.key.map(({ base }, i) => (nulls[i] ? 'is null' : `= $${++n}::text::${base}`));
  const equal = (columns: readonly string[]) =>
    columns.map((column, i) => `${column} ${values[i]}`).join(' and ');
  return answer(bound, { sql: bound.invariant.sql, on: equal, one: false });
}

/** Of all keys in which some column is NULL. */
export function byNulls(bound: Draft): string {
  const some = (columns: readonly string[]) => `(${columns.map(column => `${column} is null`).join(' or ')})`;
  return answer(bound, { sql: bound.invariant.sql, on: some, one: false });
}

export interface Range {
  /** Exclusive; undefined: from the start. */
  readonly after: readonly string[] | undefined;
  /** Inclusive; undefined: to the end. */
  readonly upTo: readonly string[] | undefined;
}

/** Of a key range. Parameters: the columns of `after`, then those of `upTo`. */
export function byRange(bound: Draft, range: Range): { text: string; values: string[] } {
  const values = [...(range.after ?? []), ...(range.upTo ?? [])];
  const start = range.after?.length ?? 0;
  const bounds = (columns: readonly string[], from: number) =>
    `(${columns.map((_, i) => `$${from + i + 1}::text::${bound.key[i]?.base}`).join(', ')})`;
  const within = (columns: readonly string[]) => {
    const row = `(${columns.join(', ')})`;
    const both = [
      ...(range.after ? [`${row} > ${bounds(columns, 0)}`] : []),
      ...(range.upTo ? [`${row} <= ${bounds(columns, start)}`] : []),
    ];
    return both.join(' and ') || 'true';
  };
  // Only the first key column goes inside: inclusive at both ends, so that no composite key is cut off.
  const inside = (column: string) =>
    [
      ...(range.after ? [`${column} >= $1::text::${bound.key[0]?.base}`] : []),
      ...(range.upTo ? [`${column} <= $${start + 1}::text::${bound.key[0]?.base}`] : []),
    ].join(' and ');
  const bare = !range.after && !range.upTo;
  const sql = bare ? bound.invariant.sql : restrict(bound.invariant.sql, bound.scope.injections, inside);
  return { text: answer(bound, { sql, on: within, one: false }), values };
}

/** Of everything, NULL keys included. */
export const whole = (bound: Draft): string =>
  answer(bound, { sql: bound.invariant.sql, on: () => 'true', one: false });

/**
 * Where the keys of its domain stand, for walking: `select key … where key > $… order by key limit n`. The order is qualified:
 * a bare name there is the result's column, which is text, and the walk would go in the order of text, sorting all rows.
 */
export function nextKey(bound: Draft, after: boolean): string {
  const names = bound.key.map(({ name }) => `t.${quote(name)}`);
  const columns = names.join(', ');
  const from = bound.key.map(({ base }, i) => `$${i + 2}::text::${base}`).join(', ');
  // A NULL ends no range: nothing is smaller than it.
  const conditions = [
    ...names.filter((_, i) => !bound.key[i]?.notNull).map(name => `${name} is not null`),
    ...(after ? [`(${columns}) > (${from})`] : []),
  ];
  const where = conditions.length > 0 ? `where ${conditions.join(' and ')}` : '';
  return `select ${names.map(name => `${name}::text`).join(', ')} from ${bound.table.quoted} t
    ${where} order by ${columns} offset $1 - 1 limit 1`;
}

interface Parts {
  /** The user's query, perhaps restricted. */
  sql: string;
  /** The condition on the key columns: of the query's rows, and of the governed ones. */
  on: (columns: readonly string[]) => string;
  /** At most one key is asked of: a full join needs no key, and repeats can be counted. */
  one: boolean;
}

/** The key columns of the query's rows, in the key's own types. */
const declaredKey = ({ key, recast }: Draft): string[] =>
  key.map(({ name, base }, i) => `w.${quote(name)}${recast[i] ? `::${base}` : ''}`);

const governedKey = ({ key }: Draft): string[] => key.map(({ name }) => `t.${quote(name)}`);

function answer(bound: Draft, parts: Parts): string {
  return bound.invariant.form === 'should' ? should(bound, parts) : broken(bound, parts);
}

function should(bound: Draft, { sql, on: which, one }: Parts): string {
  const { key, columns, invariant, table } = bound;
  const keys = key.map((_, i) => `coalesce(g.k${i}, s.k${i})::text as k${i}`);
  const kind = `case when g.present is null then 'missing' when s.present is null then 'extra' else 'differs' end as kind`;
  const compared = columns.map(({ own }, i) => {
    const as = own && !own.comparable ? '::text' : '';
    return `g.c${i}${as} is distinct from s.c${i}${as}`;
  });
  const condition = invariant.on.where ? ` and (${invariant.on.where}\n)` : '';
  const governed = `select 1 as present, ${[
    ...key.map(({ name }, i) => `t.${quote(name)} as k${i}`),
    ...columns.map(({ name }, i) => `t.${quote(name)} as c${i}`),
  ].join(', ')} from ${governedRows(bound, condition)} where ${which(governedKey(bound))}`;
  const declared = `select 1 as present, ${one ? 'count(*) over ()' : '1'} as repeats, ${[
    ...key.map(({ name, base }, i) => `w.${quote(name)}::${base} as k${i}`),
    ...columns.map(({ name, own }, i) => `w.${quote(name)}::${own?.base} as c${i}`),
  ].join(', ')} from (\n${sql}\n) w where ${which(declaredKey(bound))}${one ? ' offset 0' : ''}`;
  const on = one ? 'true' : key.map((_, i) => `g.k${i} = s.k${i}`).join(' and ');
  return `select ${[...keys, kind, 'g.present'].join(', ')}${texts('s', columns)}${texts('g', columns)}, s.repeats
    from (${governed}) g full join (${declared}) s on ${on}
   where ${['g.present is null', 's.present is null', ...compared].join(' or ')} or s.repeats > 1`;

  function governedRows(one: Draft, where: string): string {
    // The condition names the table as its author did; behind a sub-select it can't clash with our names.
    return where ? `(select * from ${one.table.quoted} where true${where}) t` : `${table.quoted} t`;
  }
}

function broken(bound: Draft, { sql, on: which, one }: Parts): string {
  const { key, columns, invariant, table, sets } = bound;
  const condition = invariant.on.where ? ` where (${invariant.on.where}\n)` : '';
  const governed = `(select * from ${table.quoted}${condition})`;
  const on = declaredKey(bound)
    .map((column, i) => `${governedKey(bound)[i]} = ${column}`)
    .join(' and ');
  const want = columns.map(({ name, own }) => {
    const cast = own && sets.includes(own) ? `::${own.base}` : '';
    return `, w.${quote(name)}${cast}::text`;
  });
  const have = columns.map(({ name, own }) => (own ? `, t.${quote(name)}::text` : ', null'));
  const join = condition ? 'join' : 'left join';
  const first = key[0] ? `t.${quote(key[0].name)}` : 'null';
  const keys = key.map(({ name, base }, i) => `w.${quote(name)}::${base}::text as k${i}`).join(', ');
  return `select ${keys}, 'broken' as kind, case when ${first} is not null then 1 end as present
    ${want.join('')}${have.join('')}, ${one ? 'count(*) over ()' : '1'} as repeats
    from (select * from (\n${sql}\n) w where ${which(declaredKey(bound))}${one ? ' offset 0' : ''}) w ${join} ${governed} t on ${on}`;
}

const texts = (prefix: string, columns: Bound['columns']): string =>
  columns.map((_, i) => `, ${prefix}.c${i}::text`).join('');

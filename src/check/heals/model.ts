import { type Tx, ask, quote } from '../../db/pool.ts';
import type { Local } from './local.ts';
import { states } from './local.ts';
import type { Dimension, Space } from './space.ts';

/** A made-up row: column → value as text; of a condition that is assumed, its truth. */
export type Row = Readonly<Record<string, string | null>>;

/** Where a heal leads from a row, if not to another row. */
const still = -1;
export const rejected = -2;
/** To a value that was not tried: what follows isn't known. */
export const outside = -3;

/** What the heals of one table do to made-up rows: numbers of rows, and where each heal leads. */
export interface Model {
  readonly members: readonly Local[];
  readonly space: Space;
  /** Rows that the schema allows. */
  readonly rows: readonly number[];
  /** Stands for the row that is gone. */
  readonly gone: number;
  /** Of each member: 1 where the row violates it. */
  readonly bad: readonly Uint8Array[];
  /** Of each member: the row after its heal, or `still` where it does nothing, `rejected`, `outside`. */
  readonly next: readonly Int32Array[];
  row(n: number): Row;
}

/** Tries each member on every row, by its own text: one query for each. */
export async function tryOut(tx: Tx, members: readonly Local[], space: Space): Promise<Model> {
  const [table] = members.map(one => one.table);
  if (!table) throw new Error('a model of no invariants');
  const dimensions = await printed(tx, space.dimensions);
  const weights: number[] = [];
  let size = 1;
  for (const { values } of dimensions) {
    weights.push(size);
    size *= values.length;
  }
  const parameters = dimensions.map(({ values }) => values);
  const made = madeUp(
    table.columns.values(),
    dimensions,
    weights,
    space.checks.map(({ text }) => text),
  );
  const rows = (await ask(tx, `select s."evenkeel n" from (${made}) s order by 1`, [...parameters])).map(
    ([n]) => Number(n),
  );
  const allowed = new Uint8Array(size + 1);
  for (const n of rows) allowed[n] = 1;
  const places = dimensions.map(({ values }) => new Map(values.map((value, i) => [value, i])));
  const bad: Uint8Array[] = [];
  const next: Int32Array[] = [];
  for (const member of members) {
    const { sets, does } = member;
    const written = member.bound.sets.filter(({ name }) => sets.has(name));
    const list = written.map(({ name, base }) => `, (w.${quote(name)}::${base})::text`);
    const text = `with ${states} as materialized (${made})
      select w."evenkeel n"${list.join('')} from (\n${member.text(leaf => space.assumed.get(leaf))}\n) w`;
    const found = await ask(tx, text, [...parameters]);
    const mine = new Uint8Array(size + 1);
    const to = new Int32Array(size + 1).fill(still);
    for (const [at, ...values] of found) {
      const n = Number(at);
      mine[n] = 1;
      if (does === 'nothing') continue;
      to[n] = does === 'remove' ? size : landing(n, values);
    }
    bad.push(mine);
    next.push(to);

    function landing(n: number, values: readonly (string | null)[]): number {
      let target = n;
      for (const [i, { name }] of written.entries()) {
        const d = dimensions.findIndex(one => one.name === name);
        const dimension = dimensions[d];
        if (!dimension) continue;
        const value = values[i] ?? null;
        if (value === null && table?.columns.get(name)?.nullable === false) return rejected;
        const place = dimension.loose && value !== null ? 0 : places[d]?.get(value);
        if (place === undefined) return outside;
        const weight = weights[d] ?? 1;
        const now = Math.floor(n / weight) % dimension.values.length;
        target += (place - now) * weight;
      }
      return allowed[target] ? target : rejected;
    }
  }
  const row = (n: number): Row =>
    Object.fromEntries(
      dimensions.map(({ name, values, assumed }, d) => [
        assumed ? assumed.text : name,
        values[Math.floor(n / (weights[d] ?? 1)) % values.length] ?? null,
      ]),
    );
  return { members, space, rows, gone: size, bad, next, row };
}

/** Values as their type prints them. */
async function printed(tx: Tx, dimensions: readonly Dimension[]): Promise<Dimension[]> {
  const made: Dimension[] = [];
  for (const one of dimensions) {
    const rows = await ask(
      tx,
      `select v::${one.type}::text from unnest($1::text[]) with ordinality u(v, n) order by n`,
      [one.values],
    );
    made.push({ ...one, values: [...new Set(rows.map(([value]) => value ?? null))] });
  }
  return made;
}

/** Every combination that the checks allow; columns that nobody looks at are NULL. */
function madeUp(
  columns: Iterable<{ name: string; type: string }>,
  dimensions: readonly Dimension[],
  weights: readonly number[],
  checks: readonly string[],
): string {
  const number = dimensions.map((_, d) => `(u${d}.n - 1) * ${weights[d]}`).join(' + ') || '0';
  const tried = dimensions.map(({ name }, d) => `u${d}.v as ${quote(name)}`);
  const others = [...columns]
    .filter(({ name }) => !dimensions.some(one => one.name === name))
    .map(({ name, type }) => `null::${type} as ${quote(name)}`);
  const from = dimensions.map(
    ({ type }, d) => `unnest($${d + 1}::text[]::${type}[]) with ordinality u${d}(v, n)`,
  );
  const all = `select (${number})::int as "evenkeel n", ${[...tried, ...others].join(', ')}${from.length > 0 ? ` from ${from.join(' cross join ')}` : ''}`;
  const which = checks.map(check => `(${check}\n) is not false`).join(' and ') || 'true';
  return `select * from (${all}) s where ${which}`;
}

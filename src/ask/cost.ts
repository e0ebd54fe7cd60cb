import { type Tx, quote } from '../db/pool.ts';
import { type Draft, byKeys, byRange, nextKey, whole } from './question.ts';

/** What Postgres expects each form of the question to cost, in its own units (about 10 µs each on these machines). */
export interface Costs {
  /** One key, through indexes. */
  readonly lateral: number;
  /** One key as the first of several that are asked in one go. */
  readonly any: number;
  /** Each further one: little where one index scan finds them all, much where each column's values meet all of another's. */
  readonly more: number;
  readonly whole: number;
  /** A hundredth of the key space. */
  readonly range: number;
}

/** Restricting is always right, whatever the SQL; only its cost depends on the planner. So the planner is asked. */
export async function estimate(tx: Tx, bound: Draft): Promise<Costs> {
  const names = bound.key.map(({ name }) => quote(name));
  const given = bound.key.filter(({ notNull }) => !notNull).map(({ name }) => `${quote(name)} is not null`);
  const { rows: samples } = await tx.query<string[]>({
    text: `select ${names.map(name => `${name}::text`).join(', ')} from ${bound.table.quoted}
      ${given.length > 0 ? `where ${given.join(' and ')}` : ''} limit ${several}`,
    rowMode: 'array',
  });
  const keys = (n: number) =>
    bound.key.map((_, i) => (n > samples.length ? [null] : samples.slice(0, n).map(key => key[i] ?? null)));
  const part = Math.max(1, Math.floor(bound.table.rows / 100));
  const [edge] = samples[0]
    ? (await tx.query<string[]>({ text: nextKey(bound, false), values: [part], rowMode: 'array' })).rows
    : [];
  const range = byRange(bound, { after: undefined, upTo: edge });
  const full = await cost(tx, whole(bound), []);
  const any = await cost(tx, byKeys(bound, 'any'), keys(1));
  const n = samples.length;
  const further = n > 1 ? ((await cost(tx, byKeys(bound, 'any'), keys(n))) - any) / (n - 1) : 0;
  return {
    lateral: await cost(tx, byKeys(bound, 'lateral'), keys(1)),
    any,
    // The planner doesn't see how many more rows are met by columns that are restricted one by one.
    more: Math.max(0, further) * bound.key.length,
    whole: full,
    range: edge ? await cost(tx, range.text, range.values) : full,
  };
}
const several = 100;

async function cost(tx: Tx, text: string, values: unknown[]): Promise<number> {
  return (await planOf(tx, text, values))['Total Cost'];
}

/** What EXPLAIN says of one node; the names are Postgres's. */
export interface Plan {
  readonly 'Node Type': string;
  readonly 'Total Cost': number;
  readonly 'Plan Rows': number;
  readonly 'Relation Name'?: string;
  readonly Schema?: string;
  readonly Alias?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly Plan[];
}

/** How Postgres would go about it; nothing is run. */
export async function planOf(tx: Tx, text: string, values: readonly unknown[]): Promise<Plan> {
  const { rows } = await tx.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`explain (format json) ${text}`, [
    ...values,
  ]);
  const [first] = rows;
  if (!first) throw new Error('EXPLAIN gave no plan');
  return first['QUERY PLAN'][0].Plan;
}

/** The cheapest form for so many keys. */
export function cheapest(costs: Costs, keys: number): 'lateral' | 'any' {
  return costs.lateral * keys <= costs.any + costs.more * (keys - 1) ? 'lateral' : 'any';
}

/**
 * How changes are answered. `sweep`: one key costs about what all of them cost, and that is much; then it is no use to know
 * which keys changed. The price of `lateral` shows a table that would be read whole for each key.
 */
export function form(costs: Costs): 'lateral' | 'any' | 'sweep' {
  if (Math.min(costs.lateral, costs.any) > Math.max(dear, costs.whole / 2)) return 'sweep';
  return cheapest(costs, 1);
}
/** About a tenth of a second. */
const dear = 10_000;

/** Dear enough that it pays to work out from the rows whether a key has to be asked: about a millisecond. */
export const balances = ({ lateral }: Costs): boolean => lateral >= 100;

/** Cheap enough to be asked by key inside somebody else's heal: some milliseconds, or little beside the whole. */
export const askable = (costs: Costs): boolean =>
  Math.min(costs.lateral, costs.any) <= Math.max(2_000, Math.min(costs.whole / 20, dear * 10));

import type { Tx } from '../db/pool.ts';
import { type Draft, byKeys, byRange, nextKey, whole } from './question.ts';

/** What Postgres expects each form of the question to cost, in its own units (about 10 µs each on these machines). */
export interface Costs {
  /** One key, through indexes. */
  readonly lateral: number;
  /** A handful of keys in one go: hardly depends on their number. */
  readonly any: number;
  readonly whole: number;
  /** A hundredth of the key space. */
  readonly range: number;
}

/** Restricting is always right, whatever the SQL; only its cost depends on the planner. So the planner is asked. */
export async function estimate(tx: Tx, bound: Draft): Promise<Costs> {
  const [sample] = (await tx.query<string[]>({ text: nextKey(bound, false), values: [1], rowMode: 'array' }))
    .rows;
  const keys = bound.key.map((_, i) => [sample?.[i] ?? null]);
  const part = Math.max(1, Math.floor(bound.table.rows / 100));
  const [edge] = sample
    ? (await tx.query<string[]>({ text: nextKey(bound, false), values: [part], rowMode: 'array' })).rows
    : [];
  const range = byRange(bound, { after: undefined, upTo: edge });
  const full = await cost(tx, whole(bound), []);
  return {
    lateral: await cost(tx, byKeys(bound, 'lateral'), keys),
    any: await cost(tx, byKeys(bound, 'any'), keys),
    whole: full,
    range: edge ? await cost(tx, range.text, range.values) : full,
  };
}

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
  return costs.lateral * keys <= costs.any ? 'lateral' : 'any';
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

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
  const { rows } = await tx.query<{ 'QUERY PLAN': [{ Plan: { 'Total Cost': number } }] }>(
    `explain (format json) ${text}`,
    values,
  );
  return rows[0]?.['QUERY PLAN'][0].Plan['Total Cost'] ?? Number.POSITIVE_INFINITY;
}

/** The cheapest form for so many keys. */
export function cheapest(costs: Costs, keys: number): 'lateral' | 'any' {
  return costs.lateral * keys <= costs.any ? 'lateral' : 'any';
}

/** Cheap enough to be asked by key inside somebody else's heal: a few milliseconds, or little beside the whole. */
export const askable = (costs: Costs): boolean =>
  Math.min(costs.lateral, costs.any) <= Math.max(2_000, costs.whole / 20);

import { describe, sqlState } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import { SqlMistake } from '../watch/scope/parse.ts';

/**
 * What went wrong when Postgres was asked an invariant, in terms of the invariant. Other errors stay as they are.
 * @param rights what the statement takes, for the GRANT that it may lack
 */
export function explain(error: unknown, invariant: Invariant, rights = 'SELECT'): unknown {
  if (error instanceof EvenkeelError) return error;
  if (error instanceof SqlMistake) return error.toError(invariant.sql, invariant.place);
  const state = sqlState(error);
  const place = { place: invariant.place, cause: error };
  // Postgres has seen the catalog: `Perhaps you meant to reference the column "t.posts_count".`
  const { hint } = error as { hint?: string };
  const meant = hint === undefined ? place : { ...place, hint };
  const message = describe(error);
  if (state === undefined || /^(08|53|57P|40|55P)/.test(state)) return error;
  if (state === '42501') {
    const table = /(?:table|relation|view) (\S+)/.exec(message)?.[1];
    if (/row-level security/.test(message)) return new EvenkeelError('row-security', message, place);
    const grant = table ? `: GRANT ${rights} ON ${table} TO this role` : '';
    return new EvenkeelError('no-rights', message + grant, place);
  }
  if (state === '42P01') return new EvenkeelError('unknown-table', message, meant);
  if (state === '42703') return new EvenkeelError('unknown-column', message, meant);
  if (state.startsWith('42')) return new EvenkeelError('bad-sql', message, meant);
  return new EvenkeelError('query-failed', message, place);
}

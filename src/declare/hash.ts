import { createHash } from 'node:crypto';
import type { Invariant } from './invariant.ts';
import { type Remedy, limitFor } from './remedy.ts';

/**
 * The same for the same meaning, in whichever file and form it is written: the place and the sentence for
 * people don't count. Its wording is kept in users' ledgers, so a change here makes every definition a new one.
 */
export function definitionHash(invariant: Invariant): string {
  const { name, form, sql, on, key, heal, mode, guard, graceMs, everyMs, touches } = invariant;
  const meaning = [
    'evenkeel/1',
    name,
    form,
    sql,
    on.table,
    on.where ?? null,
    key ?? null,
    heal.map(remedy => Object.entries(meaningOf(remedy)).sort(([a], [b]) => (a < b ? -1 : 1))),
    mode,
    guard,
    graceMs,
    everyMs ?? null,
    [...touches].sort(),
  ];
  return createHash('sha256').update(JSON.stringify(meaning)).digest('hex');
}

/** Which limit, by name: how fast it is, and how a handler is called, can change without anybody standing down. */
function meaningOf(remedy: Remedy): object {
  const limit = limitFor([remedy])?.name;
  if (remedy.do === 'call') return { do: remedy.do, limit };
  return limit === undefined ? remedy : { ...remedy, limit };
}

import { writes } from '../declare/remedy.ts';
import type { Bound } from '../ask/bind.ts';
import { writesTo } from './plan.ts';

/**
 * The fixed order of healing: whoever writes what another reads goes first (line → order → customer), so that nothing is
 * computed from a row that is about to be healed; names settle the rest, cycles included. Termination by priority:
 * Comai & Tanca, TKDE 15(2) 2003.
 */
export function inOrder(bounds: readonly Bound[]): Bound[] {
  const left = new Set(bounds.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
  const ordered: Bound[] = [];
  while (left.size > 0) {
    const waits = (bound: Bound) => [...left].some(other => other !== bound && feeds(other, bound));
    const [first] = left;
    const next = [...left].find(bound => !waits(bound)) ?? first;
    if (!next) break;
    left.delete(next);
    ordered.push(next);
  }
  return ordered;
}

/** Does `a` write a table, other than its own reading, that `b` reads? Two that feed each other are left to their names. */
export const feeds = (a: Bound, b: Bound): boolean => writesInto(a, b) && !writesInto(b, a);

function writesInto(a: Bound, b: Bound): boolean {
  if (!a.invariant.heal.some(writes)) return false;
  const written = writesTo(a);
  return b.scope.reads.some(({ oid }) => written.has(oid));
}

import type { Bound } from '../ask/bind.ts';
import type { Violation } from '../ask/ask.ts';
import { type Remedy, writes as isWritten } from '../declare/remedy.ts';

export type Write = Exclude<Remedy, { do: 'park' | 'assign' | 'claim' | 'call' | 'celery' }>;

/** What is to be done about one violation: writes, a person, or nothing (its case has no remedy: it is shown). */
export type Plan =
  | { readonly do: 'write'; readonly writes: readonly Write[] }
  | { readonly do: 'park'; readonly why: string }
  | { readonly do: 'show' };

const remedyOf = { differs: 'set', missing: 'insert', extra: 'remove' } as const;

export function planFor(bound: Bound, violation: Violation): Plan {
  const { heal } = bound.invariant;
  const park = heal.find(remedy => remedy.do === 'park');
  const otherwise: Plan = park ? { do: 'park', why: park.reason } : { do: 'show' };
  if (violation.kind === 'broken') {
    const writes = heal.filter((remedy): remedy is Write => isWritten(remedy) && remedy.do !== 'assign');
    if (writes.length === 0) return otherwise;
    return violation.present ? { do: 'write', writes } : { do: 'show' };
  }
  if (violation.key.includes(null)) return otherwise;
  const wanted = remedyOf[violation.kind];
  const write = heal.find(remedy => remedy.do === wanted);
  if (!write) return otherwise;
  const changes = bound.sets.some(({ name }) => violation.wanted[name] !== violation.evidence[name]);
  if (violation.kind === 'differs' && !changes) return otherwise;
  return { do: 'write', writes: [write as Write] };
}

/** Every table that a heal of this invariant writes by itself. */
export const writesTo = (bound: Bound): Set<string> =>
  new Set([
    bound.table.oid,
    ...bound.appends.map(({ table }) => table.oid),
    ...bound.touches.map(({ oid }) => oid),
  ]);

/** What it comes to: from the gremlin's table of truth and Evenkeel's journal, nothing else. */
import { kindNames, type Kind } from '../gremlin/faults.ts';
import type { Truth } from '../gremlin/truth.ts';
import type { Entry } from './journal.ts';

export interface Verdict {
  injected: number;
  detected: number;
  /** Healed by Evenkeel, and right by the judge's own look. */
  healed: number;
  open: number;
  /** Rows written for a subject that nobody had broken. */
  false_heals: number;
  /** From the commit that corrupted to the commit that healed. */
  p50_ms: number | null;
  p99_ms: number | null;
  kinds: Record<Kind, { injected: number; healed: number }>;
}

type Judged = Pick<
  Truth,
  'kind' | 'invariant' | 'subject' | 'follower' | 'injected_at' | 'detected_at' | 'healed_at'
>;
type Written = Pick<Entry, 'invariant' | 'action' | 'subject' | 'committed_at'>;

export function verdict(truths: readonly Judged[], entries: readonly Written[]): Verdict {
  const injected = truths.filter(fault => fault.injected_at);
  const healed = injected.filter(fault => fault.healed_at);
  const took = healed
    .map(fault => fault.healed_at!.getTime() - fault.injected_at!.getTime())
    .sort((a, b) => a - b);
  return {
    injected: injected.length,
    detected: injected.filter(fault => fault.detected_at).length,
    healed: healed.length,
    open: injected.length - healed.length,
    false_heals: falseHeals(truths, entries).length,
    p50_ms: percentile(took, 0.5),
    p99_ms: percentile(took, 0.99),
    kinds: Object.fromEntries(
      kindNames.map(kind => [
        kind,
        {
          injected: injected.filter(fault => fault.kind === kind).length,
          healed: healed.filter(fault => fault.kind === kind).length,
        },
      ]),
    ) as Verdict['kinds'],
  };
}

/** Entries for subjects that the gremlin hadn't broken by then, be it directly or by what follows from a heal. */
export function falseHeals<E extends Written>(truths: readonly Judged[], entries: readonly E[]): E[] {
  const brokenAt = new Map<string, number>();
  for (const fault of truths) {
    for (const subject of subjectsOf(fault)) {
      const at = fault.injected_at?.getTime() ?? Infinity;
      brokenAt.set(subject, Math.min(at, brokenAt.get(subject) ?? Infinity));
    }
  }
  return entries.filter(
    ({ action, invariant, subject, committed_at }) =>
      action !== 'undo' && committed_at.getTime() < (brokenAt.get(name(invariant, subject)) ?? Infinity),
  );
}

/** What a fault breaks: its subject, and the customer that follows once an order's total is right again. */
export function subjectsOf({
  invariant,
  subject,
  follower,
}: Pick<Judged, 'invariant' | 'subject' | 'follower'>) {
  return [name(invariant, subject), ...(follower === null ? [] : [name('customer-account', [follower])])];
}

export const name = (invariant: string, subject: readonly string[]) =>
  JSON.stringify([invariant, ...subject]);

/** Nearest rank, of an ascending list; null of none. */
function percentile(ascending: readonly number[], share: number): number | null {
  return ascending[Math.ceil(share * ascending.length) - 1] ?? null;
}

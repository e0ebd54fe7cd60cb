/** Corrupts both shops, the same way, at a steady pace; each fault is on record before it happens. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Shelf } from '../shop/shelf.ts';
import { commit, type Twins } from '../shop/twins.ts';
import { kindNames, kinds, type Kind } from './faults.ts';
import { announce, committedAt, note } from './truth.ts';

export interface Gremlin {
  /** One fault of this kind, now. Gives its number in the table of truth. */
  strike(kind: Kind): Promise<number | undefined>;
  /** Goes on for so many seconds (or until aborted), and until each kind had `least` faults. */
  rampage(seconds: number, stopped: AbortSignal, least?: number): Promise<void>;
}

/**
 * Seconds from one round, a fault of each kind, to the next. A short run gets its dozen of each kind; a long one
 * settles at a pace that stays well below the flood rule: 1 % of a table in ten minutes.
 */
function roundSeconds(elapsed: number, seconds: number): number {
  return elapsed < 60 ? Math.min(2.5, seconds / 12) : 7;
}

export function gremlin(twins: Twins, shelf: Shelf, truth: Pool): Gremlin {
  const struck = Object.fromEntries(kindNames.map(kind => [kind, 0])) as Record<Kind, number>;

  async function strike(kind: Kind): Promise<number | undefined> {
    const { forms } = kinds[kind];
    const fault = forms[struck[kind]++ % forms.length]!(shelf);
    if (!fault) return undefined;
    const { invariant, subject, writes } = fault;
    const follower =
      fault.followedBy === undefined ? null : await customerOf(twins.watched, fault.followedBy);
    const id = await announce(truth, { kind, invariant, subject, follower });
    const xid = await commit(twins, writes);
    await note(truth, id, 'injected_at', await committedAt(twins.watched, xid));
    return id;
  }

  return {
    strike,
    async rampage(seconds, stopped, least = 0) {
      const start = Date.now();
      const elapsed = () => (Date.now() - start) / 1000;
      let due = 0;
      for (let round = 1; round <= least || elapsed() < seconds; round++) {
        for (const kind of shuffled(kindNames)) {
          if (stopped.aborted) return;
          await strike(kind);
          due += roundSeconds(elapsed(), seconds) / kindNames.length;
          const pause = Math.max(0, due - elapsed()) * 1000;
          await delay(pause, undefined, { signal: stopped }).catch(() => undefined);
        }
      }
    },
  };
}

async function customerOf(shop: Pool, order: number): Promise<string> {
  const { rows } = await shop.query<{ id: string }>(
    'select customer_id::text as id from orders where id = $1',
    [order],
  );
  return rows[0]!.id;
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map(item => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

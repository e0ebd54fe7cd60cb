import type { Bound } from '../ask/bind.ts';
import type { Invariant } from '../declare/invariant.ts';
import type { Limit } from '../declare/limit.ts';
import type { Ward } from '../heal/batch.ts';
import type { Limits } from '../limits/limits.ts';
import type { Log } from '../log.ts';
import type { Bindings } from '../roster/bindings.ts';
import { Desk, type DeskParts, callFor } from './desk.ts';

/** Everything that is healed by asking upstreams: a desk for each limit, so that none waits for another. */
export class Callers {
  readonly #desks: readonly Desk[];

  constructor(
    ward: Ward,
    bindings: Bindings,
    limits: Limits,
    invariants: readonly Invariant[],
    confirm: DeskParts['confirm'],
    log: Log,
  ) {
    const named = new Map<string, Limit>();
    for (const one of invariants) {
      const limit = callFor(one)?.limit;
      if (limit) named.set(limit.name, limit);
    }
    this.#desks = [...named.values()].map(limit => {
      const own = () =>
        bindings.own.filter(({ invariant }) => callFor(invariant)?.limit?.name === limit.name);
      const fail = ({ name }: Bound, error: unknown) => bindings.setAside(name, error);
      return new Desk({ ward, limit, limits, own, fail, confirm, log });
    });
  }

  start(): void {
    for (const desk of this.#desks) desk.start();
  }

  wake(): void {
    for (const desk of this.#desks) desk.wake();
  }

  /** Asks until nothing is due. */
  async drain(): Promise<void> {
    await Promise.all(this.#desks.map(desk => desk.drain()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#desks.map(desk => desk.stop()));
  }
}

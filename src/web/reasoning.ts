import { type Checked, check } from '../check/check.ts';
import { eachBound } from '../ask/each.ts';
import { type Pool, transaction } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import type { EvenkeelError } from '../errors.ts';
import { type Derivation, derivation } from '../watch/derivation.ts';

/** What can be said of an invariant without looking at what is wrong: as `explain` and `check` say it. */
export interface Reasons {
  readonly derivation: Derivation | EvenkeelError;
  /** Null: another system is the truth, there is no SQL to ask about. */
  readonly checked: Checked | EvenkeelError | null;
}

/**
 * Asks Postgres for it when somebody looks, and no more than once in five minutes: it takes some dozens of EXPLAINs. One
 * invariant at a time.
 */
export class Reasoning {
  readonly #pool: Pool;
  readonly #invariants: readonly Invariant[];
  readonly #known = new Map<string, { readonly at: number; readonly reasons: Promise<Reasons> }>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(pool: Pool, invariants: readonly Invariant[]) {
    this.#pool = pool;
    this.#invariants = invariants;
  }

  /** Undefined: this process doesn't carry it, or it isn't known within `patienceMs`: it will be later. */
  async of(name: string, patienceMs: number): Promise<Reasons | undefined> {
    const invariant = this.#invariants.find(one => one.name === name);
    if (!invariant) return undefined;
    const late = new Promise<undefined>(resolve => setTimeout(resolve, patienceMs, undefined).unref());
    return Promise.race([this.#ask(invariant), late]);
  }

  #ask(invariant: Invariant): Promise<Reasons> {
    const known = this.#known.get(invariant.name);
    if (known && performance.now() - known.at < keptMs) return known.reasons;
    const reasons = this.#last.then(() => this.#reason(invariant));
    this.#last = reasons.catch(() => undefined);
    this.#known.set(invariant.name, { at: performance.now(), reasons });
    reasons.catch(() => this.#known.delete(invariant.name));
    return reasons;
  }

  async #reason(invariant: Invariant): Promise<Reasons> {
    const limits = {
      readOnly: true,
      snapshot: true,
      statement: 10_000,
      lock: 2_000,
      idle: 60_000,
      schemas: ['public'],
    };
    const one = <T>(
      act: (
        derive: Parameters<Parameters<typeof eachBound<T>>[3]>[0],
        tx: Parameters<typeof check>[0],
      ) => Promise<T>,
    ) =>
      transaction(this.#pool, limits, async tx => {
        const [made] = await eachBound<T | EvenkeelError>(
          tx,
          [invariant],
          () => undefined,
          bound => act(bound, tx),
          (_, error) => error,
        );
        return made as T | EvenkeelError;
      });
    return {
      derivation: await one((bound, tx) => derivation(tx, bound, undefined)),
      checked: invariant.source ? null : await one((_, tx) => check(tx, invariant)),
    };
  }
}

const keptMs = 5 * 60_000;

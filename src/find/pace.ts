/**
 * What looking may cost the service: a share u of one connection's time, from 5 % while the server is busy to 50 % while
 * it is idle. How busy it is shows in how long a trivial statement takes, beside the quickest one seen: additive
 * increase, multiplicative decrease.
 */
export class Pace {
  /** Of time, for all looks together. */
  #share = least;
  #quickest = Number.POSITIVE_INFINITY;

  /** A trivial statement took `ms`. */
  felt(ms: number): void {
    // Forgotten slowly, since servers and ways to them change.
    this.#quickest = Math.min(ms, this.#quickest * 1.001);
    const idle = ms < 3 * this.#quickest + 0.3;
    this.#share = idle ? Math.min(most, this.#share + 0.02) : Math.max(least, this.#share * 0.8);
  }

  /** After looks that took `ms`; ms. */
  pauseAfter(ms: number): number {
    return Math.min(1_000, Math.max(shortest, (ms * (1 - this.#share)) / this.#share));
  }

  /** How long a key rests whose look took `ms`: one invariant's hot keys get a fifth of the share; ms. */
  restAfter(ms: number): number {
    return Math.max(50, ms / (this.#share / 5));
  }
}
const least = 0.05;
const most = 0.5;
/** Changes that come within so many milliseconds are looked at together. */
const shortest = 10;

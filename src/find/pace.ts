/**
 * What looking may cost the service: a share u of one connection's time, from 15 % while the server is busy to 45 % while
 * it is idle. How busy it is shows in how long a trivial statement usually takes, beside the quickest one seen: additive
 * increase, multiplicative decrease.
 */
export class Pace {
  /** Of time, for all looks together. */
  #share = least;
  #quickest = Number.POSITIVE_INFINITY;
  /** The last few statements; ms. One that had to wait is chance, most of them are load. */
  readonly #lately: number[] = [];

  /** A trivial statement took `ms`. */
  felt(ms: number): void {
    // Forgotten slowly, since servers and ways to them change. On a server at its limit most statements wait for a core. Twice the
    // quickest is usual at half load already: to give way there means to fall behind by seconds, and larger rounds are no smaller a load.
    this.#quickest = Math.min(ms, this.#quickest * 1.0002);
    this.#lately.push(ms);
    if (this.#lately.length > samples) this.#lately.shift();
    const usual = this.#lately.toSorted((a, b) => a - b)[this.#lately.length >> 1] ?? ms;
    const idle = usual < 3 * this.#quickest + 0.2;
    this.#share = idle ? Math.min(most, this.#share + 0.02) : Math.max(least, this.#share / 2);
  }

  /**
   * After looks that took `ms`, where the oldest of what waited was committed `behind` ms before the newest; ms. Freshness gives
   * way before the service does, but not for ever: the share grows with what it falls behind, to all of it after a minute.
   */
  pauseAfter(ms: number, behind: number): number {
    const share = Math.max(this.#share, Math.min(1, behind / 60_000) * most);
    return Math.min(longest, Math.max(shortest, (ms * (1 - share)) / share));
  }

  /** How long a key rests whose look took `ms`: one invariant's hot keys get a fifth of the share; ms. */
  restAfter(ms: number): number {
    return Math.max(50, ms / (this.#share / 5));
  }
}
const least = 0.15;
const most = 0.45;
const longest = 2_000;
const samples = 15;
/** Changes that come within so many milliseconds are looked at together. */
const shortest = 40;

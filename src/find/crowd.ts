/**
 * How full the service is, from 0 to 1: the transactions that write and are in progress when a round begins, as a share of how many
 * there are at most (their 95th percentile), both less those that stay. Where clients start the next as soon as one has ended (a closed
 * system) about as many are always in progress, and whatever looking takes is lost to them; where they come and go (an open one) there
 * is something to spare. After Schroeder, Wierman and Harchol-Balter, "Open Versus Closed: A Cautionary Tale" (NSDI 2006).
 */
export class Crowd {
  readonly #seen: number[] = [];

  /** So many were in progress. */
  saw(running: number): void {
    this.#seen.push(running);
    if (this.#seen.length > window) this.#seen.shift();
  }

  get full(): number {
    const sorted = this.#seen.toSorted((a, b) => a - b);
    if (sorted.length < enough) return 0;
    const [least = 0] = sorted;
    const most = sorted[Math.floor(sorted.length * 0.95)] ?? least;
    const sum = sorted.reduce((all, running) => all + Math.min(running, most) - least, 0);
    return most > least ? sum / sorted.length / (most - least) : 0;
  }
}
/** Rounds: some seconds. */
const window = 32;
const enough = 16;

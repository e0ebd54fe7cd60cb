import { Crowd } from './crowd.ts';
import { Harm } from './harm.ts';

/**
 * What looking may cost the service: a share of one connection's time, as large as can be without costing the application more than
 * a few of its commits, the fewer the less it has to spare.
 */
export class Pace {
  /** Of time, for all looks together. */
  #share = first;
  readonly #harm = new Harm();
  readonly #crowd = new Crowd();
  /** What rounds cost of late, chance evened out. */
  #cost = tolerable / first;
  /** The server's clock less our own; ms. */
  #ahead = 0;

  /**
   * A round began at `began`; it is `now` by our own clock, and `clock` by the server's; ms. So many transactions that write were in
   * progress.
   */
  began(began: number, now: number, { clock, running }: { clock: number; running: number }): void {
    this.#ahead = clock - now;
    this.#crowd.saw(running);
    this.#harm.began(began + this.#ahead);
  }

  ended(now: number): void {
    this.#harm.ended(now + this.#ahead);
    const harm = this.#harm.take();
    if (harm === undefined) return;
    this.#cost += (harm - this.#cost) / 4;
    // Step by step: word comes the later, the less is looked at.
    const may = tolerable * (1 - this.#crowd.full);
    const share = this.#cost > may ? may / this.#cost : 1;
    this.#share = Math.min(most, Math.max(least, this.#share / 2, share));
  }

  /** A transaction committed; ms, the server's clock. */
  committed(at: number): void {
    this.#harm.committed(at);
  }

  /**
   * After looks that took `ms`, where the oldest of what waited was committed `behind` ms before the newest; ms. Freshness gives
   * way before the service does, but not for ever: only keys that are changed again are saved by waiting, the others only come later.
   * So the share grows with what it falls behind.
   */
  pauseAfter(ms: number, behind: number): number {
    const share = Math.max(this.#share, Math.min(1, behind / mostBehind) * most);
    return Math.min(longest, Math.max(shortest, (ms * (1 - share)) / share));
  }

  /**
   * How long a key rests whose look took `ms`: one invariant's hot keys get a fifth of the share; ms. Zero: no longer than the pause
   * between two rounds, as most do, and it need not be remembered.
   */
  restAfter(ms: number): number {
    const rest = ms / (this.#share / 5);
    return rest > shortest ? rest : 0;
  }
}
/** Until there is word of harm: where commits are few, and with triggers. */
const first = 0.4;
const least = 0.05;
const most = 0.45;
/** So much of the commits of an application with much to spare: what a round costs while it runs, times the share of time that rounds run. */
const tolerable = 0.11;
/** So far behind, as much is taken as ever is; ms. Suspects that wait for about as long are kept in the database, which costs what looking does. */
const mostBehind = 20_000;
const longest = 2_000;
/** Changes that come within so many milliseconds are looked at together. */
const shortest = 40;

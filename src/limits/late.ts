/** Answers that are later than this tell nothing of the other clock; ms. */
const mostMs = 250;
/** Clocks drift: so much between two answers is believed; ms. */
const driftMs = 0.1;

/**
 * How late the database's answers are. Its reservations are delays from the moment when it made them, and what an answer was on its
 * way differs: without it one block of reservations would run into the next. The quickest answer so far tells how far the two
 * clocks are apart; either may step.
 */
export class Lateness {
  #apart = Number.POSITIVE_INFINITY;

  /** Of an answer, beyond the quickest; ms. @param ours when it came @param theirs when it was made, by their clock; ms */
  of(ours: number, theirs: number): number {
    const apart = ours - theirs;
    const least = Math.min(apart, this.#apart + driftMs);
    const late = apart - least;
    this.#apart = late > mostMs ? apart : least;
    return late > mostMs ? 0 : late;
  }
}

/** Most limits count what came within the second before; ms. */
const windowMs = 1_000;
/** Nothing is held back for longer: where timers are always late, each second would add to it; ms. */
const mostMs = 150;

/**
 * What a process sends late also leaves the upstream's window late: a second later that holds more than was planned, for as long as the
 * delay was, and refuses what goes over it. So whatever is due then waits until the late ones have left, and the delay comes again
 * each second, shorter by what the limit's time has to spare. No request is lost to it: it is the log of a sliding window, kept of
 * those alone that were late.
 */
export class Window {
  /** Of a window's time nothing is planned for; ms. */
  readonly #spare: number;
  /** Later than that, in the order of their time. */
  readonly #late: { readonly due: number; readonly sent: number }[] = [];
  #free = Number.NEGATIVE_INFINITY;

  /** @param pace the share of a limit that is planned */
  constructor(pace: number) {
    this.#spare = windowMs * (1 - pace);
  }

  /** One that was due is sent; ms. */
  sent(due: number, now: number): void {
    if (now - due > this.#spare) this.#late.push({ due, sent: now });
  }

  /** When one that is due can be sent, asked for in the order of their time; ms. */
  opens(due: number): number {
    while (this.#late[0] && this.#late[0].due <= due - windowMs - this.#spare)
      this.#free = (this.#late.shift()?.sent ?? 0) + windowMs;
    return Math.min(Math.max(due, this.#free), due + mostMs);
  }
}

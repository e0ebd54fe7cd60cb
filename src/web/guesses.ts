import { setTimeout as delay } from 'node:timers/promises';

/** Guessing tokens is slow, one after the other, however many try: once one was wrong, each waits before it is looked at. */
export class Guesses {
  #wrongAt = -Infinity;
  #waiting = 0;
  #line: Promise<void> = Promise.resolve();

  /** What `look` finds; undefined: the guess was wrong. 'busy': too many wait, it was not looked at. */
  async try<T>(look: () => T | undefined): Promise<T | undefined | 'busy'> {
    if (performance.now() - this.#wrongAt < lastsMs) {
      if (this.#waiting >= mostWaiting) return 'busy';
      this.#waiting++;
      this.#line = this.#line.then(() => delay(pauseMs));
      await this.#line;
      this.#waiting--;
    }
    const found = look();
    if (found === undefined) this.#wrongAt = performance.now();
    return found;
  }
}

const pauseMs = 300;
const lastsMs = 10_000;
const mostWaiting = 20;

/** Aborts after so many milliseconds, those not counted in which it is paused. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #why: string;
  #left: number;
  #since = 0;
  #pauses = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, why: string) {
    this.#left = ms;
    this.#why = why;
    this.#run();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(why: string): void {
    clearTimeout(this.#timer);
    this.#controller.abort(new Error(why));
  }

  pause(): void {
    if (this.#pauses++ > 0) return;
    clearTimeout(this.#timer);
    this.#left -= performance.now() - this.#since;
  }

  resume(): void {
    if (--this.#pauses === 0) this.#run();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#left = Number.POSITIVE_INFINITY;
  }

  #run(): void {
    if (this.#left === Number.POSITIVE_INFINITY) return;
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.abort(this.#why), Math.max(0, this.#left));
  }
}

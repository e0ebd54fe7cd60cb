interface Known {
  /** Shown until then; undefined: it is being counted. ms, this process's own clock. */
  until: number | undefined;
  readonly value: Promise<unknown>;
}

/** What is dear to count and changes slowly: as it was a few seconds ago, or counted anew. What takes long is kept longer. */
export class Recent {
  readonly #known = new Map<string, Known>();

  /** @param name always for the same `make` */
  of<T>(name: string, forMs: number, make: () => Promise<T>): Promise<T> {
    const known = this.#known.get(name);
    if (known && (known.until === undefined || performance.now() < known.until))
      return known.value as Promise<T>;
    const began = performance.now();
    const value = make();
    // While it is being counted nobody else begins to.
    const one: Known = { until: undefined, value };
    this.#known.set(name, one);
    value.then(
      () => {
        const tookMs = performance.now() - began;
        one.until = performance.now() + Math.max(forMs, tookMs > cheapMs ? shownFor(tookMs) : 0);
      },
      () => this.#known.get(name) === one && this.#known.delete(name),
    );
    return value;
  }

  /** Somebody decided something: what comes next shows it. */
  forget(): void {
    this.#known.clear();
  }
}
const cheapMs = 50;

/** What takes one moment to make is shown for twenty, a twentieth of one connection's time, but for no longer than ten seconds; ms. */
export const shownFor = (tookMs: number): number => Math.min(10_000, 20 * tookMs);

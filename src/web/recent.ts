/** What is dear to count and changes slowly: as it was a few seconds ago, or counted anew. */
export class Recent {
  readonly #known = new Map<string, { at: number | undefined; readonly value: Promise<unknown> }>();

  /** @param name always for the same `make` */
  of<T>(name: string, forMs: number, make: () => Promise<T>): Promise<T> {
    const known = this.#known.get(name);
    if (known && (known.at === undefined || performance.now() - known.at < forMs))
      return known.value as Promise<T>;
    const value = make();
    // While it is being counted nobody else begins to.
    const one: { at: number | undefined; value: Promise<T> } = { at: undefined, value };
    this.#known.set(name, one);
    value.then(
      () => (one.at = performance.now()),
      () => this.#known.delete(name),
    );
    return value;
  }
}

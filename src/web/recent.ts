/** What is dear to count and changes slowly: as it was a few seconds ago, or counted anew. */
export class Recent {
  readonly #known = new Map<string, { readonly at: number; readonly value: Promise<unknown> }>();

  /** @param name always for the same `make` */
  of<T>(name: string, forMs: number, make: () => Promise<T>): Promise<T> {
    const known = this.#known.get(name);
    if (known && performance.now() - known.at < forMs) return known.value as Promise<T>;
    const value = make();
    this.#known.set(name, { at: performance.now(), value });
    value.catch(() => this.#known.delete(name));
    return value;
  }
}

/**
 * Choices read from a list of numbers. Where the list ends, and for 0, the first and simplest option is taken: so
 * fast-check, which knows how to shrink numbers, shrinks whatever is built from them.
 */
export class Tape {
  readonly #numbers: readonly number[];
  #at = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  /** 0 … n - 1. */
  int(n: number): number {
    return (this.#numbers[this.#at++] ?? 0) % n;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }

  chance(percent: number): boolean {
    return this.int(100) >= 100 - percent;
  }

  some<T>(list: readonly T[], percent: number): T[] {
    return list.filter(() => this.chance(percent));
  }

  /** One of `options`, each as likely as its weight says. */
  weighed<T extends string>(options: Readonly<Record<T, number>>): T {
    const list = (Object.entries(options) as [T, number][]).flatMap(([name, n]) => Array<T>(n).fill(name));
    return this.pick(list);
  }

  /** `list` in another order. */
  shuffled<T>(list: readonly T[]): T[] {
    const left = [...list];
    return list.map(() => left.splice(this.int(left.length), 1)[0] as T);
  }
}

/** How many random cases a property is held against; with EVENKEEL_TEST_SOAK=1 twenty times as many. */
export const cases = (n: number): number => (process.env['EVENKEEL_TEST_SOAK'] === '1' ? 20 * n : n);

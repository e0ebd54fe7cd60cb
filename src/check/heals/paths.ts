import type { Model } from './model.ts';

/** One heal of one made-up row. */
export interface Step {
  readonly from: number;
  /** Which member's heal. */
  readonly by: number;
  readonly to: number;
}

/** Where heals lead, row by row. Heals that the schema rejects or that mend nothing never commit: they lead nowhere. */
export class Paths {
  readonly #model: Model;
  /** Row → number of its component: rows that lead to each other. */
  readonly #component: Int32Array;
  readonly #sizes: number[] = [];
  /** Of each component: the first ends (components without a way out) that are reached from it; at most two are kept. */
  readonly #ends: number[][] = [];
  /** A row of each component. */
  readonly #some: number[] = [];

  constructor(model: Model) {
    this.#model = model;
    this.#component = new Int32Array(model.gone + 1).fill(-1);
    this.#order();
  }

  steps(from: number): Step[] {
    const { next, bad } = this.#model;
    return next.flatMap((to, by) => {
      const target = to[from] ?? -1;
      return target >= 0 && bad[by]?.[target] === 0 ? [{ from, by, to: target }] : [];
    });
  }

  component(row: number): number {
    return this.#component[row] ?? -1;
  }

  /** A row that can be left and come back to. */
  isRestless(row: number): boolean {
    return (this.#sizes[this.component(row)] ?? 0) > 1;
  }

  /** Where it can come to rest: a row of each end, two at most; an end may be a round that never ends. */
  ends(row: number): readonly number[] {
    return (this.#ends[this.component(row)] ?? []).map(end => this.#some[end] as number);
  }

  /** A shortest way; empty: none, or `from` itself. */
  way(from: number, to: number, within?: number): Step[] {
    const came = new Map<number, Step | undefined>([[from, undefined]]);
    for (const row of came.keys()) {
      for (const step of this.steps(row)) {
        if (came.has(step.to) || (within !== undefined && this.component(step.to) !== within)) continue;
        came.set(step.to, step);
        if (step.to !== to) continue;
        const way: Step[] = [];
        for (let one: Step | undefined = step; one; one = came.get(one.from)) way.unshift(one);
        return way;
      }
    }
    return [];
  }

  /** A way from a restless row back to itself. */
  round(row: number): Step[] {
    const within = this.component(row);
    for (const first of this.steps(row)) {
      if (this.component(first.to) !== within) continue;
      return [first, ...this.way(first.to, row, within)];
    }
    return [];
  }

  /** Tarjan 1972, without recursion: components come out in an order in which what they lead to has come before. */
  #order(): void {
    const { rows, gone } = this.#model;
    const index = new Int32Array(gone + 1).fill(-1);
    const low = new Int32Array(gone + 1);
    const open = new Uint8Array(gone + 1);
    const stack: number[] = [];
    let count = 0;
    const enter = (row: number) => {
      index[row] = low[row] = count++;
      stack.push(row);
      open[row] = 1;
      return { row, steps: this.steps(row), at: 0 };
    };
    for (const root of [gone, ...rows]) {
      if (index[root] !== -1) continue;
      const calls = [enter(root)];
      while (calls.length > 0) {
        const call = calls.at(-1) as (typeof calls)[number];
        const { row } = call;
        const step = call.steps[call.at++];
        if (step) {
          if (index[step.to] === -1) calls.push(enter(step.to));
          else if (open[step.to]) low[row] = Math.min(low[row] as number, index[step.to] as number);
          continue;
        }
        calls.pop();
        const above = calls.at(-1);
        if (above) low[above.row] = Math.min(low[above.row] as number, low[row] as number);
        if (low[row] === index[row]) this.#close(stack, open, row);
      }
    }
  }

  #close(stack: number[], open: Uint8Array, root: number): void {
    const number = this.#sizes.length;
    const members: number[] = [];
    for (let row = -1; row !== root;) {
      row = stack.pop() as number;
      open[row] = 0;
      this.#component[row] = number;
      members.push(row);
    }
    const ends = new Set<number>();
    for (const row of members) {
      for (const { to } of this.steps(row)) {
        const there = this.#component[to] as number;
        if (there !== number) for (const end of this.#ends[there] ?? []) ends.add(end);
      }
    }
    this.#sizes.push(members.length);
    this.#some.push(Math.min(...members.slice(0, 1_000)));
    this.#ends.push(ends.size === 0 ? [number] : [...ends].slice(0, 2));
  }
}

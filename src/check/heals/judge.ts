import { type Model, outside, rejected } from './model.ts';
import { Paths, type Step } from './paths.ts';

/** What the made-up rows show of the heals of one table. Members by their number. */
export interface Judgement {
  readonly rejected: readonly Failing[];
  readonly ineffective: readonly Failing[];
  readonly rounds: readonly Round[];
  readonly forks: readonly Fork[];
  readonly breaks: readonly Break[];
  /** Heals that lead to a value that was not tried. */
  readonly outside: readonly number[];
  /** Two heals can both be due on one row. */
  readonly meet: boolean;
}

/** A heal that doesn't work on a row; `always`: on none. */
export interface Failing {
  readonly by: number;
  readonly row: number;
  readonly always: boolean;
}

/** Heals that lead back to where they began; `members` are those of its steps. */
export interface Round {
  readonly members: readonly number[];
  readonly steps: readonly Step[];
}

/** A row that ends up differently, by whichever of two heals comes first. */
export interface Fork {
  readonly members: readonly [number, number];
  readonly ways: readonly [readonly Step[], readonly Step[]];
}

/** A heal after which another invariant is broken that was not before. */
export interface Break {
  readonly by: number;
  readonly breaks: number;
  readonly step: Step;
}

export function judge(model: Model): Judgement {
  const { members, rows, bad, next } = model;
  const failing = (fails: (by: number, row: number, to: number) => boolean): Failing[] =>
    members.flatMap((_, by) => {
      const mine = rows.filter(row => bad[by]?.[row] === 1);
      const found = mine.filter(row => fails(by, row, next[by]?.[row] ?? -1));
      const [row] = found;
      return row === undefined ? [] : [{ by, row, always: found.length === mine.length }];
    });
  const paths = new Paths(model);
  return {
    rejected: failing((_, __, to) => to === rejected),
    ineffective: failing((by, _, to) => to >= 0 && bad[by]?.[to] === 1),
    outside: failing((_, __, to) => to === outside).map(({ by }) => by),
    rounds: roundsOf(model, paths),
    forks: forksOf(model, paths),
    breaks: breaksOf(model, paths),
    meet: rows.some(row => members.filter((_, by) => (next[by]?.[row] ?? -1) >= 0).length > 1),
  };
}

/** One for each set of heals that go round, the shortest that was met. */
function roundsOf({ rows }: Model, paths: Paths): Round[] {
  const found = new Map<string, Round>();
  const done = new Set<number>();
  for (const row of rows) {
    const component = paths.component(row);
    if (!paths.isRestless(row) || done.has(component)) continue;
    done.add(component);
    const steps = paths.round(row);
    const members = [...new Set(steps.map(({ by }) => by))].sort((a, b) => a - b);
    const known = found.get(members.join());
    if (!known || known.steps.length > steps.length) found.set(members.join(), { members, steps });
  }
  return [...found.values()];
}

/** One for each pair of heals. */
function forksOf({ rows }: Model, paths: Paths): Fork[] {
  const found = new Map<string, Fork>();
  for (const row of rows) {
    if (paths.isRestless(row) || paths.ends(row).length < 2) continue;
    const steps = paths.steps(row);
    for (const [i, one] of steps.entries()) {
      for (const other of steps.slice(i + 1)) {
        const members = [one.by, other.by] as const;
        if (found.has(members.join())) continue;
        // Where they share an end, the way parts further down, at a row of its own.
        const [ours, theirs] = [paths.ends(one.to), paths.ends(other.to)];
        const [a = 0, b = 0] = [ours[0], theirs[0]];
        if (ours.some(end => theirs.includes(end)) || paths.isRestless(a) || paths.isRestless(b)) continue;
        found.set(members.join(), {
          members,
          ways: [
            [one, ...paths.way(one.to, a)],
            [other, ...paths.way(other.to, b)],
          ],
        });
      }
    }
  }
  return [...found.values()];
}

/** One for each pair. */
function breaksOf({ rows, members, bad }: Model, paths: Paths): Break[] {
  const found = new Map<string, Break>();
  for (const row of rows) {
    for (const step of paths.steps(row)) {
      for (const breaks of members.keys()) {
        if (breaks === step.by || bad[breaks]?.[row] !== 0 || bad[breaks]?.[step.to] !== 1) continue;
        const pair = `${step.by},${breaks}`;
        if (!found.has(pair)) found.set(pair, { by: step.by, breaks, step });
      }
    }
  }
  return [...found.values()];
}

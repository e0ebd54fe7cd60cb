import type { Model, Row } from './model.ts';
import type { Step } from './paths.ts';

/** Steps in words: `status 'open' → 'paid' by close-paid`. */
export function trace(model: Model, steps: readonly Step[]): string[] {
  const [first] = steps;
  if (!first) return [];
  return [
    text(model.row(first.from)),
    ...steps.map(
      ({ from, by, to }) =>
        `${model.members[by]?.name}: ${to === model.gone ? 'the row is gone' : change(model.row(from), model.row(to))}`,
    ),
  ];
}

const text = (row: Row): string =>
  Object.entries(row)
    .map(([name, value]) => `${name} = ${shown(value)}`)
    .join(', ') || 'any row';

function change(before: Row, after: Row): string {
  const changed = Object.keys(after).filter(name => before[name] !== after[name]);
  return (
    changed.map(name => `${name} ${shown(before[name])} → ${shown(after[name])}`).join(', ') ||
    'nothing that is told apart changes'
  );
}

const shown = (value: string | null | undefined): string =>
  value === null || value === undefined ? 'NULL' : `'${value}'`;

export const list = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

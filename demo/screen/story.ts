/** One line a heal: how long it was wrong, what was, which row, before → after, which invariant. */
import { kinds } from '../gremlin/faults.ts';
import type { Truth } from '../gremlin/truth.ts';
import type { Columns, Entry } from '../judge/journal.ts';
import { inert, seconds, type Paint } from './paint.ts';

export function tell(entry: Entry, faults: readonly Truth[], paint: Paint): string {
  const [mark, colour, what, lasted] = event(entry, faults);
  const time = (lasted === undefined ? '' : seconds(lasted)).padStart(7);
  const table = entry.table.replaceAll('"', '').replace(/^public\./, '');
  const row = [table, ...entry.key].map(part => inert(part)).join(' ');
  const columns = [what.padEnd(26), row.padEnd(25), inert(change(entry), 36).padEnd(36)];
  return `${paint[colour](mark)}${paint.bold(time)}  ${columns.join('  ')}  ${paint.cyan(inert(entry.invariant))}`;
}

/** What happened, and how many milliseconds it was wrong. */
function event(
  { action, because_of, committed_at }: Entry,
  faults: readonly Truth[],
): [mark: string, colour: 'green' | 'yellow', what: string, lasted?: number] {
  if (action === 'undo') return ['↶', 'yellow', 'undone by a person'];
  if (because_of) return ['↳', 'green', 'follows, in one go'];
  const fault = faults.findLast(({ injected_at }) => injected_at && injected_at <= committed_at);
  // Of what others broke, nobody knows since when.
  if (!fault) return ['✓', 'green', 'broken by hand'];
  return ['✓', 'green', kinds[fault.kind].says, committed_at.getTime() - fault.injected_at!.getTime()];
}

/** Only what changed, and of that the first few columns. */
function change({ before, after, key_columns }: Entry): string {
  const changed = Object.keys({ ...before, ...after }).filter(column =>
    before && after ? before[column] !== after[column] : !key_columns.includes(column),
  );
  const some = changed
    .slice(0, 2)
    .map(column => [inert(column), value(before, column), value(after, column)] as const);
  const more = changed.length > some.length ? ', …' : '';
  if (before && after) return some.map(([column, was, is]) => `${column} ${was} → ${is}`).join(', ') + more;
  const row = inert(some.map(([column, was, is]) => `${column} ${before ? was : is}`).join(', ') + more, 25);
  return before ? `${row} → (no row)` : `(no row) → ${row}`;
}

const value = (row: Columns | null, column: string) => inert(row?.[column], 24);

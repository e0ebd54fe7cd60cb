/** One line a heal: which row, what was wrong, before → after, how long it lasted, which invariant. */
import { kinds } from '../gremlin/faults.ts';
import type { Truth } from '../gremlin/truth.ts';
import type { Columns, Entry } from '../judge/journal.ts';
import { inert, seconds, type Paint } from './paint.ts';

export function tell(entry: Entry, faults: readonly Truth[], paint: Paint): string {
  const row = `${inert(entry.table.replaceAll('"', '').replace(/^public\./, ''))} ${entry.key.map(key => inert(key)).join(' ')}`;
  const fault = faults.findLast(({ injected_at }) => injected_at && injected_at <= entry.committed_at);
  if (entry.action === 'undo') return line('↶', 'yellow', row, change(entry), 'undone by a person');
  if (entry.because_of) {
    return line(' ↳', 'green', row, change(entry), `follows, in the same transaction`);
  }
  const what = fault ? kinds[fault.kind].says : 'broken by hand';
  // Of what others broke, only the moment in which it was found is known.
  const since = fault?.injected_at ?? entry.opened_at;
  const lasted = since ? entry.committed_at.getTime() - since.getTime() : undefined;
  return line('✓', 'green', row, change(entry), what, lasted);

  function line(
    mark: string,
    colour: keyof Paint,
    row: string,
    change: string,
    what: string,
    lasted?: number,
  ) {
    const after = lasted === undefined ? '' : `  ${paint.bold(seconds(lasted))}`;
    return `${paint[colour](mark.padEnd(2))} ${row.padEnd(28)} ${change.padEnd(44)} ${paint.dim(what)}${after}  ${paint.cyan(inert(entry.invariant))}`;
  }
}

/** Only what changed; a row that came or went shows a few of its columns. */
function change({ before, after }: Entry): string {
  if (before && after) {
    const changed = Object.keys(after).filter(column => before[column] !== after[column]);
    return changed
      .map(column => `${inert(column)} ${inert(before[column])} → ${inert(after[column])}`)
      .join(', ');
  }
  return `${some(before)} → ${some(after)}`;
}

function some(row: Columns | null): string {
  if (!row) return '(no row)';
  const columns = Object.entries(row).slice(0, 4);
  return columns.map(([column, value]) => `${inert(column)} ${inert(value, 20)}`).join(', ');
}

import { attempt } from '../declare/fault.ts';
import { remedies } from '../declare/heal.ts';
import type { Listed } from '../find/list.ts';
import { type Change, difference } from './values.ts';

/** What is → what should be; of a `broken` query only what `set` would write, its other columns are evidence. */
export function changesOf({ kind, evidence, wanted, heal }: Listed): Change[] {
  if (kind === 'missing') return difference(null, wanted);
  if (kind === 'extra') return difference(evidence, null);
  if (kind === 'differs') return difference(evidence, wanted);
  const set = attempt(() => remedies(heal));
  const named = 'value' in set ? set.value.find(remedy => remedy.do === 'set')?.columns : undefined;
  const isSet = (column: string) => named === 'all' || named?.includes(column);
  return Object.entries(wanted).map(([column, to]) => ({
    column,
    from: isSet(column) && evidence[column] !== to ? evidence[column] : undefined,
    to,
  }));
}

import type { Relation } from '../../catalog/relation.ts';
import type { Condition } from './condition.ts';

/**
 * Invariants that set sums and counts of details beside a row's own columns, or beside each other, say for each key that
 * some differences are zero. Each row adds a fixed amount to a difference, so what a transaction adds in all can be told
 * from its rows alone, and one that adds nothing leaves true what was true: nobody has to ask, however many rows there are to
 * sum up. (Summary deltas, Mumick, Quass and Mumick 1997; here only to choose what to ask.)
 *
 * What is recognised: rows of the governed table, each with correlated sums and counts of other tables, or left-joined to
 * one of them and grouped by the key; combined by + and −, and compared by `should`, or by `<>` or `is distinct from`.
 */
export interface Balance {
  /** The governed table, and its columns that are the key. */
  readonly table: Relation;
  readonly key: readonly string[];
  readonly terms: readonly Term[];
  /** How many differences there are. */
  readonly differences: number;
}

/** What each row of a table adds to one of the differences. */
export interface Term {
  readonly relation: Relation;
  /** The columns that hold the invariant's key. */
  readonly key: readonly string[];
  /** Rows that fail one of these add nothing. */
  readonly where: readonly Condition[];
  readonly amount: Amount;
  readonly minus: boolean;
  /** It is the governed row's own column. */
  readonly own: boolean;
  readonly difference: number;
}

/** Exact numbers; NULL where a column is. */
export type Amount =
  | { readonly is: 'column' | 'given'; readonly column: string }
  | { readonly is: 'number'; readonly text: string }
  | { readonly is: '+' | '-' | '*'; readonly left: Amount; readonly right: Amount };

/** Columns that have to be known of a row. */
export function columnsOf({ key: by, where, amount }: Term): string[] {
  const read = (one: Amount): string[] => {
    if ('column' in one) return [one.column];
    return 'left' in one ? [...read(one.left), ...read(one.right)] : [];
  };
  return [...by, ...where.map(({ column }) => column), ...read(amount)];
}

import type { Piece } from './text.ts';
import type { Verdict } from './verdict.ts';

/** What a rule found in an invariant. */
export interface Finding {
  readonly rule: string;
  readonly name: string;
  /** `undecided`: the question could be neither proved nor shown. `info`: nothing is wrong. */
  readonly severity: 'error' | 'warning' | 'info' | 'undecided';
  readonly piece: Piece;
  readonly message: string;
  /** What proves it. */
  readonly by: readonly string[];
  /** A row that the schema allows and that shows it. */
  readonly witness: Readonly<Record<string, string | null>> | null;
  readonly fix: string | null;
  /** What to write in place of the piece; null where that isn't certain. */
  readonly change: string | null;
  /** What happens, step by step. */
  readonly trace?: readonly string[];
}

/** A finding of a rule, with what there is to show for it. */
export const finding = (
  { id, name }: { id: string; name: string },
  severity: Finding['severity'],
  piece: Piece,
  message: string,
  shown: Partial<Pick<Finding, 'by' | 'witness' | 'fix' | 'change'>> = {},
): Finding => ({
  rule: id,
  name,
  severity,
  piece,
  message,
  by: [],
  witness: null,
  fix: null,
  change: null,
  ...shown,
});

export const undecided = (
  rule: { id: string; name: string },
  piece: Piece,
  verdict: Extract<Verdict, { is: 'undecided' }>,
): Finding => finding(rule, 'undecided', piece, verdict.why);

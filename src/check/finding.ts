import type { Piece } from './split.ts';
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
  /** What happens, step by step. */
  readonly trace?: readonly string[];
}

export const undecided = (
  { id, name }: { id: string; name: string },
  piece: Piece,
  verdict: Extract<Verdict, { is: 'undecided' }>,
): Finding => ({
  rule: id,
  name,
  severity: 'undecided',
  piece,
  message: verdict.why,
  by: [],
  witness: null,
  fix: null,
});

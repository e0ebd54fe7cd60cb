import type { Bound } from '../../ask/bind.ts';
import type { Finding } from '../finding.ts';
import type { Folder } from './folder.ts';

/** What a rule found that looks at heals, at several invariants, at rights or at cost. */
export interface Found extends Omit<Finding, 'rule' | 'name' | 'change'> {
  /** In whose file it stands. */
  readonly of: Bound;
  readonly with: readonly Bound[];
}

export interface HealRule {
  readonly id: string;
  readonly name: string;
  find(folder: Folder): Promise<readonly Found[]> | readonly Found[];
}

/** A finding with nothing but a message; the rest is laid over it. */
export const found = (
  of: Bound,
  piece: Found['piece'],
  severity: Found['severity'],
  message: string,
  more: Partial<Found> = {},
): Found => ({ of, piece, severity, message, with: [], by: [], witness: null, fix: null, ...more });

import { type Finding, finding, undecided } from '../finding.ts';
import { possible } from '../prove.ts';
import { asked } from '../site.ts';
import type { Rule } from './rule.ts';

/** A condition that every row meets: it narrows nothing. */
export const alwaysTrue: Rule = {
  id: 'EK102',
  name: 'always-true',
  async find(tx, site) {
    const findings: Finding[] = [];
    for (const piece of site.conjuncts) {
      const source = site.about(piece.text);
      if (!source) continue;
      const verdict = await possible(tx, asked(source, `(${piece.text}\n) is not true`));
      if (verdict.is === 'undecided') findings.push(undecided(this, piece, verdict));
      if (verdict.is === 'proved')
        findings.push(finding(this, 'warning', piece, 'every row meets this condition', { by: verdict.by }));
    }
    return findings;
  },
};

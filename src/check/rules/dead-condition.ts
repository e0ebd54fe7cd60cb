import { type Finding, undecided } from '../finding.ts';
import { possible } from '../prove.ts';
import { type Source, asked } from '../site.ts';
import type { Piece } from '../text.ts';
import type { Rule } from './rule.ts';

/** A condition, or an arm of it, that no row can meet: it finds nothing, and nobody notices. */
export const deadCondition: Rule = {
  id: 'EK101',
  name: 'dead-condition',
  async find(tx, site) {
    const findings: Finding[] = [];
    const judge = async (source: Source, parts: readonly Piece[], shown: Piece): Promise<boolean> => {
      const verdict = await possible(tx, asked(source, ...parts.map(({ text }) => text)));
      if (verdict.is === 'undecided') findings.push(undecided(this, shown, verdict));
      if (verdict.is !== 'proved') return false;
      const { id: rule, name } = this;
      const message = 'no row can meet this condition';
      findings.push({
        rule,
        name,
        severity: 'warning',
        piece: shown,
        message,
        by: verdict.by,
        witness: null,
        fix: null,
      });
      return true;
    };
    for (const source of site.sources) {
      const own = site.conjuncts.filter(({ text }) => site.about(text) === source);
      let dead = false;
      // One that is dead by itself is shown; else all of them together.
      for (const conjunct of own) dead = (await judge(source, [conjunct], conjunct)) || dead;
      const [first] = own;
      if (!dead && first && own.length > 1) dead = await judge(source, own, first);
      if (dead) continue;
      for (const conjunct of own.filter(({ arms }) => arms.length > 1)) {
        const others = own.filter(one => one !== conjunct);
        for (const arm of conjunct.arms) await judge(source, [arm, ...others], arm);
      }
    }
    return findings;
  },
};

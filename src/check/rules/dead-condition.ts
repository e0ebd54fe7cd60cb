import { type Finding, finding, undecided } from '../finding.ts';
import { type Condition, possible } from '../prove.ts';
import { asked } from '../site.ts';
import type { Piece } from '../text.ts';
import type { Rule } from './rule.ts';

/** A condition, or an arm of it, that no row can meet: it finds nothing, and nobody notices. */
export const deadCondition: Rule = {
  id: 'EK101',
  name: 'dead-condition',
  async find(tx, site) {
    const findings: Finding[] = [];
    const judge = async (condition: Condition, shown: Piece): Promise<boolean> => {
      const verdict = await possible(tx, condition);
      if (verdict.is === 'undecided') findings.push(undecided(this, shown, verdict));
      if (verdict.is !== 'proved') return false;
      findings.push(finding(this, 'warning', shown, 'no row can meet this condition', { by: verdict.by }));
      return true;
    };
    let anyDead = false;
    for (const source of site.sources) {
      const own = site.conjuncts.filter(({ text }) => site.about(text) === source);
      const texts = (list: readonly Piece[]) => asked(source, ...list.map(({ text }) => text));
      let dead = false;
      // One that is dead by itself is shown; else all of them together.
      for (const conjunct of own) dead = (await judge(texts([conjunct]), conjunct)) || dead;
      const [first] = own;
      if (!dead && first && own.length > 1) dead = await judge(texts(own), first);
      anyDead ||= dead;
      if (dead) continue;
      for (const conjunct of own.filter(({ arms }) => arms.length > 1)) {
        const others = own.filter(one => one !== conjunct);
        for (const arm of conjunct.arms) await judge(texts([arm, ...others]), arm);
      }
    }
    const across = site.across();
    const [first] = site.conjuncts;
    // What speaks of one table alone has been asked.
    if (!anyDead && across && first) {
      const speaks = site.conjuncts.find(({ text }) => !site.about(text) && across.parts.includes(text));
      await judge(across, speaks ?? first);
    }
    return findings;
  },
};

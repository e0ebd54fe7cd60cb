import type { Bound } from '../../../ask/bind.ts';
import { acts } from '../flow.ts';
import type { Group } from '../group.ts';
import { written } from '../piece.ts';
import { type Found, type HealRule, found } from '../rule.ts';
import { trace } from '../show.ts';
import { told } from './oscillation.ts';

/** A heal that breaks another invariant: healed in the same transaction where that one heals itself, else never done. */
export const createsViolation: HealRule = {
  id: 'EK405',
  name: 'creates-violation',
  find({ groups, edges }) {
    const pairs = new Set<string>();
    return [
      ...groups.flatMap(inGroup),
      ...edges.flatMap(edge => {
        const pair = `${edge.from.name} ${edge.to.name}`;
        if (edge.known || pairs.has(pair)) return [];
        pairs.add(pair);
        // Cyclic: EK403 speaks of both.
        if (edges.some(other => other.from === edge.to && other.to === edge.from)) return [];
        return [
          found(
            edge.from,
            written(edge.from),
            'info',
            `this heal may break ${edge.to.name}${consequence(edge.to)}`,
            { with: [edge.to], trace: [told(edge)] },
          ),
        ];
      }),
    ];
  },
};

function inGroup({ members, shown }: Group): Found[] {
  if (!shown) return [];
  const { model, judgement } = shown;
  return judgement.breaks.flatMap(({ by, breaks, step }) => {
    const [bound, other] = [members[by]?.bound, members[breaks]?.bound];
    const known = judgement.rounds.some(({ members: round }) => round.includes(by) && round.includes(breaks));
    if (!bound || !other || known) return [];
    return found(
      bound,
      written(bound),
      acts(other) ? 'info' : 'warning',
      `this heal breaks ${other.name}${consequence(other)}`,
      {
        with: [other],
        witness: model.row(step.from),
        trace: trace(model, [step]),
      },
    );
  });
}

const consequence = (other: Bound): string =>
  acts(other) ? ', which is healed with it' : ', which heals nothing by itself: then it is not done';

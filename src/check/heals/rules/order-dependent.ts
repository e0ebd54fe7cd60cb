import type { Group } from '../group.ts';
import { written } from '../piece.ts';
import { type Found, type HealRule, found } from '../rule.ts';
import { list, trace } from '../show.ts';

/** A row that ends up differently, by whichever heal comes first. */
export const orderDependent: HealRule = {
  id: 'EK404',
  name: 'order-dependent',
  find: ({ groups }) => groups.flatMap(inGroup),
};

function inGroup({ members, shown, proof, doubt }: Group): Found[] {
  const forks = shown?.judgement.forks ?? [];
  if (shown && forks.length > 0) {
    return forks.flatMap(({ members: pair, ways }) => {
      const [first, ...others] = pair.flatMap(n => members[n]?.bound ?? []);
      if (!first) return [];
      const [one, other] = ways.map(way => trace(shown.model, way));
      const message =
        `which row comes out depends on whether ${list([first, ...others].map(({ name }) => name))} heals first`.replace(
          ' and ',
          ' or ',
        );
      return found(first, written(first), 'warning', message, {
        with: others,
        witness: shown.model.row(ways[0][0]?.from ?? 0),
        trace: [...(one ?? []), ...(other ?? [])],
        fix: 'let their conditions exclude each other, or let both write the same',
      });
    });
  }
  const acting = members.filter(({ does }) => does !== 'nothing');
  const [first, ...others] = acting.map(({ bound }) => bound);
  // That they come to rest at all is EK403; a doubt is told there.
  if (!first || others.length === 0 || doubt !== undefined || !proof || proof.judgement.rounds.length > 0)
    return [];
  const vague = proof.model.space.vague;
  const why =
    proof.judgement.forks.length > 0
      ? 'it depends on conditions that could not be tried'
      : proof.judgement.meet && vague.length > 0
        ? `what is written to ${list(vague)} could not be told apart`
        : undefined;
  if (why === undefined) return [];
  const message = `whether the order of the heals of ${list(acting.map(({ name }) => name))} matters: ${why}`;
  return [found(first, written(first), 'undecided', message, { with: others })];
}

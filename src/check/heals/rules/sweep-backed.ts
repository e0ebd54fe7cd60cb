import { form } from '../../../ask/cost.ts';
import { firstLine, mention } from '../piece.ts';
import { type HealRule, found } from '../rule.ts';

/** Changes that can't be followed to the keys that they touch: only a sweep finds what they broke. */
export const sweepBacked: HealRule = {
  id: 'EK503',
  name: 'sweep-backed',
  find: ({ bounds }) =>
    bounds.flatMap(bound => {
      const { invariant, scope, costs } = bound;
      const blind = [...new Map(scope.blind.map(one => [`${one.table} ${one.why}`, one])).values()];
      const by = ['what it breaks is found by sweeps, not moments after the commit'];
      return [
        ...blind.map(({ table, why }) => {
          const piece = mention(invariant.sql, table);
          return found(bound, piece, 'info', `a change of ${table} is not followed: ${why}`, { by });
        }),
        ...(form(costs) === 'sweep'
          ? [
              found(
                bound,
                firstLine(invariant.sql),
                'info',
                'to ask of one key costs about as much as to ask of all',
                { by },
              ),
            ]
          : []),
      ];
    }),
};

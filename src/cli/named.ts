import { didYouMean } from '../declare/guess.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import { loadInvariants } from '../load.ts';
import type { Call } from './commands.ts';

/** The invariants of the folder, where each name that was given is one of them. @throws no-such, no-invariants */
export async function loadNamed({ args, config }: Call): Promise<readonly Invariant[]> {
  const { invariants } = await loadInvariants(config.invariants);
  const names = invariants.map(({ name }) => name);
  const odd = args.find(name => !names.includes(name));
  if (odd !== undefined) {
    throw new EvenkeelError('no-such', `there is no invariant '${odd}'${didYouMean(odd, names)}`, {
      hint: `In ${config.invariants} there are: ${names.join(', ')}.`,
    });
  }
  return invariants;
}

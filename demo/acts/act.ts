/** What an act has to play with. Each shows one guarantee at work, and checks that it was kept. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Crew } from '../crew.ts';
import type { Gremlin } from '../gremlin/gremlin.ts';
import type { Judge } from '../judge/judge.ts';
import type { Screen } from '../screen/screen.ts';
import type { Town } from '../town.ts';

export interface Stage {
  readonly town: Town;
  readonly crew: Crew;
  readonly gremlin: Gremlin;
  readonly judge: Judge;
  readonly screen: Screen;
  /** The folder with the invariants that all workers carry. */
  readonly invariants: string;
  readonly closing: AbortSignal;
}

/** @throws Error where the guarantee wasn't kept */
export interface Act {
  readonly title: string;
  readonly play: (stage: Stage) => Promise<void>;
}

/** Asks again until there is an answer. @throws Error after so many seconds */
export async function until<T>(
  { closing }: Pick<Stage, 'closing'>,
  what: string,
  seconds: number,
  look: () => Promise<T | undefined | false>,
): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; ;) {
    closing.throwIfAborted();
    const answer = await look();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await delay(50);
  }
}

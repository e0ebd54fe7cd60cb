import type { Config } from '../../config.ts';
import type { Pool } from '../../db/pool.ts';
import type { Log } from '../../log.ts';
import type { Choice } from '../watcher.ts';
import type { TablePlan } from './plan.ts';

export interface Means {
  readonly pool: Pool;
  readonly url: string;
  readonly config: Config;
  readonly log: Log;
}

/** Slot, triggers, or neither: the first that is wanted and possible, and why not the ones before. */
export async function chooseCapture(_means: Means, _plans: readonly TablePlan[]): Promise<Choice> {
  return { capture: undefined, why: 'not built' };
}

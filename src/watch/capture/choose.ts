import type { Config } from '../../config.ts';
import { type Pool, describe, transaction } from '../../db/pool.ts';
import type { Log } from '../../log.ts';
import type { Capture } from './capture.ts';
import type { TablePlan } from './plan.ts';
import { SlotCapture } from './slot/capture.ts';
import { publicationName } from './slot/publication.ts';
import { unready } from './slot/readiness.ts';
import { removeSlots } from './slot/slot.ts';
import { readiness } from './trigger/readiness.ts';
import { TriggerCapture } from './trigger/trigger.ts';

/** What is to capture, and why that and nothing else; without a capture sweeps find everything. */
export interface Choice {
  readonly capture: Capture | undefined;
  readonly why: string;
}

export interface Means {
  readonly pool: Pool;
  readonly url: string;
  readonly config: Pick<Config, 'capture' | 'directUrl' | 'slotMaxLag'>;
  readonly log: Log;
}

/** A slot, else triggers, else neither: the first that is wanted and possible, and why none before it. */
export async function chooseCapture(means: Means, plans: readonly TablePlan[]): Promise<Choice> {
  const { pool, config, log } = means;
  const wanted = config.capture;
  // A slot that nobody reads any more would hold back WAL for ever.
  if (wanted === 'triggers' || wanted === 'sweeps') {
    await removeSlots(pool, publicationName).catch(error =>
      log.warn(`the replication slot is not used any more, and could not be dropped: ${describe(error)}`),
    );
  }
  if (wanted === 'sweeps') return { capture: undefined, why: 'EVENKEEL_CAPTURE says so' };
  const reasons: string[] = [];
  if (wanted !== 'triggers') {
    const url = config.directUrl ?? means.url;
    const why = await unready(pool, url);
    if (why === undefined) {
      const capture = new SlotCapture({ pool, url, log, maxLag: config.slotMaxLag });
      return { capture, why: 'wal_level is logical, and the role may replicate' };
    }
    reasons.push(`no slot: ${why}`);
  }
  if (wanted !== 'slot') {
    const why = await withoutTriggers(pool, plans);
    if (why === undefined) {
      return { capture: new TriggerCapture(pool), why: [...reasons, 'triggers are installed'].join('; ') };
    }
    reasons.push(`no triggers: ${why}`);
  }
  return { capture: undefined, why: reasons.join('; ') };
}

/** Why there are none; undefined: some table has them. Those that lack them are told as a whole. */
async function withoutTriggers(pool: Pool, plans: readonly TablePlan[]): Promise<string | undefined> {
  const tables = await transaction(pool, { readOnly: true, statement: 5_000, schemas: ['public'] }, tx =>
    readiness(tx, plans),
  );
  if (tables.some(({ why }) => why === undefined)) return undefined;
  return tables[0]?.why ?? 'there is no table to watch';
}

import { setTimeout as delay } from 'node:timers/promises';
import { type Pool, isCollision, transaction } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import type { Step } from '../watch/capture/trigger/ddl.ts';

/** Whoever comes behind a waiting ALTER waits with it: never for a second. */
const lockMs = 900;
const tries = 20;
const pauseMs = 1_000;

/**
 * DDL on users' tables: one table after the other, each in a transaction of its own, tried again where somebody is in the way.
 * @throws busy-elsewhere where somebody always is; what was done until then stays, and is not done again the next time
 */
export async function applySteps(pool: Pool, steps: readonly Step[]): Promise<void> {
  for (const step of steps) await applyStep(pool, step);
}

async function applyStep(pool: Pool, { table, sql }: Step): Promise<void> {
  for (let left = tries; ; left--) {
    try {
      await transaction(pool, { statement: 30_000, lock: lockMs, schemas: ['public'] }, tx => tx.query(sql));
      return;
    } catch (error) {
      if (!isCollision(error)) throw error;
      if (left > 1) await delay(pauseMs);
      else
        throw new EvenkeelError('busy-elsewhere', `${table ?? 'the schema evenkeel'} is locked by somebody`, {
          hint: 'Nobody was made to wait for more than a second at a time. Run it again when long transactions have ended.',
          cause: error,
        });
    }
  }
}

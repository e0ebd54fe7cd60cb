import { randomInt } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { createLog } from '../../src/log.ts';
import type { Capture } from '../../src/watch/capture/capture.ts';
import { SlotCapture } from '../../src/watch/capture/slot/capture.ts';
import { TriggerCapture } from '../../src/watch/capture/trigger/trigger.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { CaptureHearing } from './soundness/captured.ts';
import { Crowd } from './soundness/crowd.ts';
import { Counts, trial } from './soundness/trial.ts';
import { types } from './soundness/world.ts';

const seed = Number(process.env['EVENKEEL_TEST_SEED'] ?? randomInt(2 ** 31));
const soak = process.env['EVENKEEL_TEST_SOAK'] === '1';
const worlds = soak ? 1_000 : 12;

const captures: Readonly<Record<string, (db: FreshDatabase) => Capture>> = {
  slot: db => new SlotCapture({ pool: db.pool, url: db.url, log: createLog('quiet'), maxLag: 2 ** 32 }),
  triggers: db => new TriggerCapture(db.pool),
};

test.each(Object.entries(captures))(
  `a ledger kept by what the %s tell says what the full query says (EVENKEEL_TEST_SEED=${seed})`,
  { timeout: 12 * 3_600_000 },
  async (_, make) => {
    const db = await freshDatabase();
    await db.sql(types);
    await migrate(db.pool);
    const hearing = new CaptureHearing(db.pool, make(db));
    onTestFinished(() => hearing.stop());
    const counts = new Counts();
    const crowd = await Crowd.gather(db, 4);
    for (let i = 0; i < worlds; i++)
      await trial({ pool: db.pool, crowd, hearing, counts }, (seed + i) >>> 0, 5);
    const sum = (map: ReadonlyMap<string, number>) => (map.get('broken') ?? 0) + (map.get('should') ?? 0);
    console.log({
      derived: sum(counts.derived),
      changed: sum(counts.changed),
      swept: sum(counts.swept),
      whys: hearing.whys,
      ...crowd.done,
    });
    expect(sum(counts.changed)).toBeGreaterThanOrEqual(100);
    expect(sum(counts.derived)).toBeGreaterThanOrEqual(300);
  },
);

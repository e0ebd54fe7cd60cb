import { randomInt } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { classes } from './soundness/classes.ts';
import { Crowd } from './soundness/crowd.ts';
import { LogHearing } from './soundness/told.ts';
import { Counts, trial } from './soundness/trial.ts';
import { types } from './soundness/world.ts';

const seed = Number(process.env['EVENKEEL_TEST_SEED'] ?? randomInt(2 ** 31));
const soak = process.env['EVENKEEL_TEST_SOAK'] === '1';
const worlds = soak ? 5_000 : 50;
const rounds = 4;

const db = await freshDatabase();
beforeAll(() => db.sql(types));

test(
  `a ledger kept by derived keys says what the full query says (EVENKEEL_TEST_SEED=${seed})`,
  { timeout: 12 * 3_600_000 },
  async () => {
    const counts = new Counts();
    const crowd = await Crowd.gather(db, 4);
    const ground = { pool: db.pool, crowd, hearing: new LogHearing(db.pool), counts };
    for (let i = 0; i < worlds; i++) await trial(ground, (seed + i) >>> 0, rounds);
    const { derived, changed, swept, blind } = counts;
    console.table(
      Object.fromEntries(
        [...derived].map(([name, n]) => [
          name,
          { derived: n, changed: changed.get(name) ?? 0, swept: swept.get(name) ?? 0 },
        ]),
      ),
    );
    console.log({ refused: counts.refused, repeated: counts.repeated, ...crowd.done });
    console.log(blind);
    for (const name of Object.keys(classes)) {
      expect(derived.get(name) ?? 0, name).toBeGreaterThanOrEqual(100);
      expect(changed.get(name) ?? 0, name).toBeGreaterThanOrEqual(10);
      expect(swept.get(name) ?? 0, name).toBeLessThan((derived.get(name) ?? 0) / 2);
    }
  },
);

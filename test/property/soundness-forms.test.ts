import { randomInt } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { type Key, askKeys, askNull, askRange, askWhole, keyId } from '../../src/ask/ask.ts';
import type { Bound } from '../../src/ask/bind.ts';
import { type Tx, ask, quote, transaction } from '../../src/db/pool.ts';
import { EvenkeelError } from '../../src/errors.ts';
import { freshDatabase } from '../support/database.ts';
import type { Tape } from './tape.ts';
import { Repeated, said, truth } from './soundness/ledger.ts';
import { LogHearing } from './soundness/told.ts';
import { Counts, limits, settle } from './soundness/trial.ts';
import { types, valuesOf, column } from './soundness/world.ts';

const seed = Number(process.env['EVENKEEL_TEST_SEED'] ?? randomInt(2 ** 31));
const worlds = process.env['EVENKEEL_TEST_SOAK'] === '1' ? 5_000 : 12;

const db = await freshDatabase();
beforeAll(() => db.sql(types));

/** Restricting is always right: by key in either form, by ranges, whole. @returns whether anything is violated */
async function agree(tx: Tx, bound: Bound, tape: Tape, made: readonly Key[]): Promise<boolean> {
  const truly = await truth(tx, bound);
  const governed = await ask(
    tx,
    `select ${bound.key.map(({ name }) => `${quote(name)}::text`).join(', ')} from ${bound.table.quoted}`,
  );
  const violated = [...truly.values()].map(text => (JSON.parse(text) as [Key])[0]);
  const all = new Map([...governed, ...made, ...violated].map(key => [keyId(key), key]));
  const some = [...all.values()].filter(() => tape.chance(60));
  const expected = new Map(
    some.flatMap(key => (truly.has(keyId(key)) ? [[keyId(key), truly.get(keyId(key))] as const] : [])),
  );
  for (const costs of [{ lateral: 0 }, { lateral: 1e9, any: 0 }]) {
    const found = await askKeys(tx, { ...bound, costs: { ...bound.costs, ...costs } }, some);
    expect(new Map([...found].map(([id, one]) => [id, said(one)]))).toEqual(expected);
  }
  const ids = (keys: readonly Key[]) => [...new Set(keys.map(keyId))].sort();
  expect(ids(await askWhole(tx, bound))).toEqual(ids(violated));
  const typed = bound.key.map(({ base }, i) => `(e->>${i})::${base}`);
  const cuts = (await ask(
    tx,
    `select ${typed.map(one => `${one}::text`).join(', ')} from jsonb_array_elements($1::jsonb) e order by ${typed.join(', ')}`,
    [JSON.stringify([...all.values()].filter(key => !key.includes(null) && tape.chance(30)))],
  )) as string[][];
  const parts = [...(await askNull(tx, bound))];
  for (const [i, upTo] of [...cuts, undefined].entries())
    parts.push(...(await askRange(tx, bound, { after: cuts[i - 1], upTo })));
  expect(ids(parts)).toEqual(ids(violated));
  return truly.size > 0;
}

test(
  `every way to ask finds the same (EVENKEEL_TEST_SEED=${seed})`,
  { timeout: 12 * 3_600_000 },
  async () => {
    const done = { asked: 0, violated: 0, repeated: 0 };
    for (let n = 0; n < worlds; n++) {
      const { made, asked, tape } = await settle(
        { pool: db.pool, hearing: new LogHearing(db.pool), counts: new Counts() },
        (seed + n) >>> 0,
      );
      const values = made.key.map(role => valuesOf(column(made.governed, role)?.type ?? ''));
      const keys: Key[] = Array.from({ length: 6 }, () =>
        values.map(list => (tape.chance(10) ? null : tape.pick(list))),
      );
      for (const { bound } of asked) {
        await transaction(db.pool, { ...limits, schemas: [made.schema, 'public'] }, async tx => {
          if (await agree(tx, bound, tape, keys)) done.violated++;
          done.asked++;
        }).catch((error: unknown) => {
          const repeated =
            error instanceof Repeated || (error instanceof EvenkeelError && error.code === 'key-repeated');
          if (!repeated)
            throw new Error(
              `seed ${seed + n}\n${bound.invariant.form} ${bound.invariant.on.where}\n${bound.invariant.sql}\n${String(error)}`,
              { cause: error },
            );
          done.repeated++;
        });
      }
      await db.sql(`set client_min_messages = error; drop schema "${made.schema}" cascade`);
    }
    console.log(done);
    expect(done.violated).toBeGreaterThanOrEqual(100);
  },
);

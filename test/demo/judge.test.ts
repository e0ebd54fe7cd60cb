import { expect, it, onTestFinished } from 'vitest';
import { gremlin as wake } from '../../demo/gremlin/gremlin.ts';
import type { Truth } from '../../demo/gremlin/truth.ts';
import { startJudge } from '../../demo/judge/judge.ts';
import { lookAround } from '../../demo/shop/shelf.ts';
import { foundTown } from '../../demo/town.ts';
import { migrate } from '../../src/db/migrate.ts';
import { until } from '../support/wait.ts';

it('believes a heal only where the journal says so and the row is right, to the end', async () => {
  const town = await foundTown();
  onTestFinished(() => town.close());
  await migrate(town.watched);
  const judge = startJudge(town.watched, town.truth);
  onTestFinished(() => judge.stop());
  const gremlin = wake(town, await lookAround(town.watched), town.truth);
  const find = async (id: number | undefined) => (await judge.faults()).find(fault => fault.id === id)!;
  const strike = async () => find(await gremlin.strike('stale'));
  const put =
    'update billing_mirror m set plan = s.plan, cents = s.cents, status = s.status from subscriptions s';
  const repair = `${put} where s.id = m.id and m.id = $1`;
  const record = `insert into evenkeel.entry
    (invariant, hash, action, table_name, key, key_columns, subject, decided_by)
    values ('billing-mirror', '', 'set', 'billing_mirror', $1, '{id}', $1, 'test')`;

  const claimed = await strike();
  const silent = await strike();
  const relapsed = await strike();
  const healed = await strike();
  await town.watched.query(record, [claimed.subject]);
  await town.watched.query(repair, [silent.subject[0]]);
  for (const { id, subject } of [relapsed, healed]) {
    await town.watched.query(repair, [subject[0]]);
    await town.watched.query(record, [subject]);
    await until(async () => (await find(id)).healed_at, { what: 'the honest heal to be seen' });
  }
  await town.watched.query('update billing_mirror set cents = 1 where id = $1', [relapsed.subject[0]]);
  await town.watched.query(record, [['1']]);

  const { verdict, wrong, open, strangers } = await judge.conclude();
  const ids = (faults: readonly Truth[]) => faults.map(({ id }) => id);
  expect(verdict).toMatchObject({ injected: 4, detected: 3, healed: 1, open: 3, false_heals: 1 });
  expect(verdict.p50_ms).toBeGreaterThan(0);
  expect(ids(open)).toEqual([claimed.id, silent.id, relapsed.id]);
  expect(new Set(wrong.map(({ key }) => key[0]))).toEqual(new Set([claimed.subject[0], relapsed.subject[0]]));
  expect(strangers.map(({ subject }) => subject)).toEqual([['1']]);
});

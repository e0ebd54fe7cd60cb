/** Guarantee 5: a deploy brings an invariant that is wrong. It flags a third of a table, and is held. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inert } from '../screen/paint.ts';
import { until, type Act, type Stage } from './act.ts';

const wrong = {
  name: 'product-price',
  text: `-- evenkeel: broken
-- says: No product costs more than it should
-- on: products
-- heal: set price_cents
-- mode: heal
select id, 8000 as price_cents from products where price_cents > 8100
`,
};

export const flood: Act = {
  title: 'A deploy brings a wrong invariant, which would give a third of all products a new price',
  async play(stage) {
    const { crew, screen, town, judge } = stage;
    const folder = await mkdtemp(join(tmpdir(), 'evenkeel-deploy-'));
    try {
      await cp(stage.invariants, folder, { recursive: true });
      await writeFile(join(folder, `${wrong.name}.sql`), wrong.text);
      const prices = await priceSum(stage);
      await deploy(stage, folder);
      const { why, flagged } = await until(stage, 'the wrong invariant held', 30, async () => {
        const { rows } = await town.watched.query<{ why: string; flagged: number }>(
          `select held_why as why, (select count(*)::int from products where price_cents > 8100) as flagged
             from evenkeel.invariant where name = $1 and held_at is not null`,
          [wrong.name],
        );
        return rows[0];
      });
      screen.say(`  it flags ${flagged} of 12000 rows, and is held: ${inert(why, 200)}`);
      await deploy(stage, stage.invariants);
      const written = judge.entries().filter(({ invariant }) => invariant === wrong.name).length;
      if (written > 0 || (await priceSum(stage)) !== prices) throw new Error(`${written} rows were written`);
      screen.say(
        `  rows that it wrote, from the journal: ${written}. Everything else went on; the deploy is rolled back`,
      );
      crew.hire(stage.invariants);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** One by one, as deploys go: the new comes up before the old goes down. */
async function deploy(stage: Stage, folder: string): Promise<void> {
  const old = [...stage.crew.workers];
  const { pid } = stage.crew.hire(folder);
  await until(stage, 'the new worker up', 30, async () => {
    const { rows } = await stage.town.watched.query('select from evenkeel.process where pid = $1', [pid]);
    return rows.length > 0;
  });
  await Promise.all(old.map(worker => worker.stop()));
}

async function priceSum({ town }: Stage): Promise<string> {
  const { rows } = await town.watched.query<{ cents: string }>(
    'select sum(price_cents)::text as cents from products',
  );
  return rows[0]!.cents;
}

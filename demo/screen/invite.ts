/** An invitation to break something by hand: a line to copy, and a key for those without psql. */
import type { Stage } from '../acts/act.ts';
import type { Keys } from './keys.ts';

export async function invite({ town, screen }: Stage, keys: Keys): Promise<void> {
  const { paint } = screen;
  const customer = async () => {
    const { rows } = await town.watched.query<{ id: number }>(
      'select id from customers where lifetime_cents > 0 order by random() limit 1',
    );
    return rows[0]!.id;
  };
  const sql = (id: number) => `update customers set lifetime_cents = 0 where id = ${id}`;
  screen.say(
    paint.bold(
      paint.yellow('▶ Break something yourself: copy this, and watch the customer get the right value back'),
    ),
  );
  screen.say(`psql '${town.url}' -c '${sql(await customer())}'`, 'whole');
  if (keys.there) screen.say(paint.dim('  (no psql? press b)'));
  const breakOne = async () => {
    const line = sql(await customer());
    screen.say(paint.yellow(`  ${line};`));
    await Promise.all([town.watched.query(line), town.bare.query(line)]);
  };
  // The show may be over by the time that it gets there.
  keys.onBreak(() => void breakOne().catch(() => undefined));
}

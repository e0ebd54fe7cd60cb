/** Guarantee 4: a heal is undone by a person, and then left alone, although each sweep sees the row again. */
import { readLedger } from '../judge/journal.ts';
import { isRight } from '../judge/rules.ts';
import { until, type Act, type Stage } from './act.ts';

const invariant = 'billing-mirror';
const sweeps = 3;

export const undone: Act = {
  title: 'A person disagrees with a heal',
  async play(stage) {
    const { crew, judge, screen, town } = stage;
    await stage.gremlin.strike('stale');
    const fault = (await judge.faults()).findLast(({ kind }) => kind === 'stale')!;
    const right = () => isRight(town.watched, invariant, fault.subject);
    const heals = () =>
      judge
        .entries()
        .filter(
          entry =>
            entry.invariant === invariant && entry.action === 'set' && entry.subject[0] === fault.subject[0],
        );
    const [entry] = await until(stage, 'a heal to undo', 30, async () => heals().length > 0 && heals());

    await crew.run('undo', String(entry!.id));
    const subject = `${invariant}/${fault.subject[0]}`;
    screen.say(
      `  $ evenkeel undo ${entry!.id}        the copy of subscription ${fault.subject[0]} is as it was before`,
    );
    if (await right()) throw new Error('the undo restored nothing');

    const seen = await passes(stage);
    await until(stage, `${sweeps} more sweeps`, 60, async () => (await passes(stage)) >= seen + sweeps);
    const listed = (await readLedger(town.watched)).some(
      ({ state, key }) => state === 'undone' && key[0] === fault.subject[0],
    );
    if (!listed) throw new Error('it was forgotten');
    if (heals().length > 1 || (await right())) throw new Error('it was healed again');
    screen.say(`  swept ${sweeps} more times: still listed as undone, and left alone`);

    await crew.run('resume', subject);
    await until(stage, 'healed once resumed', 30, right);
    screen.say(`  $ evenkeel resume ${subject}        and it is healed again`);
  },
};

async function passes({ town }: Stage): Promise<number> {
  const { rows } = await town.watched.query<{ passes: number }>(
    'select passes::int from evenkeel.invariant where name = $1',
    [invariant],
  );
  return rows[0]?.passes ?? 0;
}

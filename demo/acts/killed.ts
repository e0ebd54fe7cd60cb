/** Guarantee 6: a worker is killed with SIGKILL in the middle of its work, and nothing is lost, nor done twice. */
import { kindNames } from '../gremlin/faults.ts';
import type { Truth } from '../gremlin/truth.ts';
import type { Entry } from '../judge/journal.ts';
import { name } from '../judge/verdict.ts';
import { seconds } from '../screen/paint.ts';
import { until, type Act, type Stage } from './act.ts';

export const killed: Act = {
  title: 'A worker is killed',
  async play(stage) {
    const { crew, judge, screen, invariants } = stage;
    if (crew.workers.length < 2) crew.hire(invariants);
    await until(stage, 'two workers at work', 30, async () => (await alive(stage)).length > 1);

    const before = judge.entries().length;
    const broken = new Set<number>();
    for (const kind of [...kindNames, ...kindNames]) {
      const id = await stage.gremlin.strike(kind);
      if (id !== undefined) broken.add(id);
    }
    const openFaults = async () =>
      (await judge.faults()).filter(({ id, healed_at }) => broken.has(id) && !healed_at);
    await until(
      stage,
      'the first of these healed',
      15,
      async () => (await openFaults()).length < broken.size,
    );
    const leader = await until(stage, 'a worker in the lead', 30, () => leaderOf(stage));
    const victim = crew.workers.find(({ pid }) => pid === leader);
    if (!victim) throw new Error(`The leader, ${leader}, is none of ours`);
    await victim.kill();
    const died = Date.now();
    const left = (await openFaults()).length;
    screen.say(`  pid ${leader} got SIGKILL; of ${broken.size} rows just broken, ${left} are not healed yet`);

    const next = await until(stage, 'another worker in the lead', 30, async () => {
      const pid = await leaderOf(stage);
      return pid !== leader && pid;
    });
    screen.say(`  pid ${next} took over after ${seconds(Date.now() - died)}`);
    await until(stage, 'all healed', 30, async () => (await openFaults()).length === 0);
    const ours = (await judge.faults()).filter(({ id }) => broken.has(id));
    const twice = ours.filter(fault => repeats(judge.entries().slice(before), fault));
    crew.hire(invariants);
    if (twice.length > 0) throw new Error(`${twice.length} were healed twice`);
    screen.say(`  all ${broken.size} are healed, each exactly once; nothing was lost`);
  },
};

/** Whether the same change was journaled twice; a row that is broken anew differs in what was before. */
function repeats(entries: readonly Entry[], { invariant, subject }: Truth): boolean {
  const changes = entries
    .filter(entry => name(entry.invariant, entry.subject) === name(invariant, subject))
    .map(({ before }) => JSON.stringify(before));
  return new Set(changes).size < changes.length;
}

async function alive({ town }: Stage): Promise<number[]> {
  const { rows } = await town.watched.query<{ pid: number }>(
    `select pid from evenkeel.process where heartbeat_at > clock_timestamp() - interval '5 s'`,
  );
  return rows.map(({ pid }) => pid);
}

async function leaderOf({ town }: Stage): Promise<number | undefined> {
  const { rows } = await town.watched.query<{ pid: number }>(
    `select p.pid from evenkeel.lease l join evenkeel.process p on p.id = l.holder
      where l.expires_at > clock_timestamp()`,
  );
  return rows[0]?.pid;
}

/** The show on one page: who comes on when, what has to be true at the end, and that nobody is left behind. */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { until, type Stage } from './acts/act.ts';
import { flood } from './acts/flood.ts';
import { killed } from './acts/killed.ts';
import { undone } from './acts/undone.ts';
import { assemble } from './crew.ts';
import { openDashboard } from './dashboard.ts';
import { invariants } from './folders.ts';
import { gremlin as wake } from './gremlin/gremlin.ts';
import { startJudge } from './judge/judge.ts';
import { countWrong, sum } from './judge/rules.ts';
import type { Options } from './options.ts';
import { invite } from './screen/invite.ts';
import type { Keys } from './screen/keys.ts';
import { inert } from './screen/paint.ts';
import { startScore } from './screen/score.ts';
import type { Screen } from './screen/screen.ts';
import { tell } from './screen/story.ts';
import { conclude, leastOfEach, type Outcome } from './screen/summary.ts';
import { lookAround } from './shop/shelf.ts';
import { startTraffic } from './shop/traffic.ts';
import { foundTown } from './town.ts';

const acts = [killed, flood, undone];
const patienceMs = 10_000;
/** For somebody who waits to get the prompt back. */
const shortPatienceMs = 3_000;

export async function perform(
  { seconds, json }: Options,
  screen: Screen,
  keys: Keys,
  closing: AbortController,
): Promise<Outcome> {
  const ending: (() => Promise<unknown>)[] = [];
  screen.say('Setting up a Postgres server with two identical shops: one watched by Evenkeel, one not …');
  try {
    const town = await foundTown();
    ending.unshift(() => town.close());
    const folder = fileURLToPath(invariants);
    const crew = assemble(town.url, town.provider.url);
    ending.unshift(() => crew.dismissAll());
    crew.hire(folder);
    let beside = () => ({ with: 0, without: 0, history: [] as { with: number; without: number }[] });
    const web = await openDashboard(town.url, folder, () => beside());
    ending.unshift(() => web.stop());
    if (web.url !== undefined) screen.say(`The dashboard: ${web.url}`);
    const shelf = await lookAround(town.watched);
    const traffic = startTraffic(town, shelf, { lanes: 3, pauseMs: 100 });
    ending.unshift(() => traffic.stop());
    const gremlin = wake(town, shelf, town.truth);
    const rampage = gremlin.rampage(seconds ?? Infinity, closing.signal, leastOfEach);
    ending.unshift(() => (closing.abort(), rampage));
    const failures = [crew.done, onlyFails(traffic.done), onlyFails(rampage)];

    const ready = until({ closing: closing.signal }, 'Evenkeel ready', 60, () => installed(town.watched));
    await Promise.race([ready, ...failures]);
    const judge = startJudge(town.watched, town.truth);
    ending.unshift(() => judge.stop());
    judge.onHeal((entry, faults) => screen.say(tell(entry, faults, screen.paint)));
    const score = startScore({ town, judge, traffic, screen, restMs: json ? 5000 : 700, dashboard: web.url });
    beside = score.beside;
    ending.unshift(() => score.stop());
    const stage: Stage = { town, crew, gremlin, judge, screen, invariants: folder, closing: closing.signal };

    const whole = async () => {
      const [broken] = await Promise.all([json ? 0 : playAll(stage, keys), rampage]);
      if (closing.signal.aborted) screen.say('No more faults; healing what is left …');
      await judge.settle(closing.signal.aborted ? shortPatienceMs : patienceMs);
      return broken;
    };
    failures.push(onlyFails(judge.done), onlyFails(score.done));
    const broken = await Promise.race([whole(), ...failures]);
    closing.abort();
    await traffic.stop();
    await score.stop();
    const findings = await judge.conclude();
    const without = sum(await countWrong(town.bare));
    return conclude(findings, {
      without,
      brokenPromises: broken,
      ends: seconds !== undefined,
      byHand: keys.there,
    });
  } finally {
    closing.abort();
    for (const end of ending) await end().catch(() => undefined);
  }
}

/** Of a service that ends when it is told to: what is of interest is that it can't go on. */
function onlyFails(done: Promise<void>): Promise<never> {
  return done.then(() => new Promise<never>(() => undefined));
}

async function installed(shop: Awaited<ReturnType<typeof foundTown>>['watched']): Promise<boolean> {
  const { rows } = await shop.query<{ there: boolean }>(
    `select to_regclass('evenkeel.alert') is not null as there`,
  );
  return rows[0]!.there;
}

/** The guarantees, one after another, with time to read in between. Gives how many weren't kept. */
async function playAll(stage: Stage, keys: Keys): Promise<number> {
  const { screen, judge, closing } = stage;
  const { paint } = screen;
  const rest = (ms: number) => delay(ms, undefined, { signal: closing }).catch(() => undefined);
  let broken = 0;
  try {
    await until(stage, 'the first heals', 60, async () => judge.entries().length >= 5);
    await invite(stage, keys);
    for (const { title, play } of acts) {
      await rest(6000);
      screen.say(paint.bold(paint.yellow(`▶ ${title}`)));
      try {
        await play(stage);
      } catch (error) {
        if (closing.aborted) throw error;
        broken++;
        screen.say(paint.red(`  ✗ ${inert((error as Error).message, 400)}`));
      }
    }
  } catch (error) {
    if (!closing.aborted) throw error;
  }
  return broken;
}

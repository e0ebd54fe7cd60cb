/** The lines at the top: what is wrong in both shops, counted by the demo's own queries, again and again. */
import { setTimeout as delay } from 'node:timers/promises';
import { readLedger } from '../judge/journal.ts';
import type { Judge } from '../judge/judge.ts';
import { countWrong, sum } from '../judge/rules.ts';
import { verdict } from '../judge/verdict.ts';
import type { Traffic } from '../shop/traffic.ts';
import type { Town } from '../town.ts';
import { seconds } from './paint.ts';
import type { Screen } from './screen.ts';

interface Watched {
  readonly town: Town;
  readonly judge: Judge;
  readonly traffic: Traffic;
  readonly screen: Screen;
  /** The least pause between two counts; never less than three times what a count takes. */
  readonly restMs: number;
  /** Where it is; undefined: it is off. */
  readonly dashboard: string | undefined;
}

/** So many counts are kept for the curves. */
const kept = 300;

export function startScore({ town, judge, traffic, screen, restMs, dashboard }: Watched) {
  const stopped = new AbortController();
  const { paint } = screen;
  let last = 0;
  const history: { with: number; without: number }[] = [];

  async function show(): Promise<void> {
    const [bare, watched] = (await Promise.all([town.bare, town.watched].map(countWrong))).map(sum) as [
      number,
      number,
    ];
    const leftAlone = (await readLedger(town.watched)).filter(({ state }) => state === 'undone').length;
    const { injected, healed, p50_ms } = verdict(await judge.faults(), []);
    const arrow = bare > last ? ' ▲' : '';
    last = bare;
    const now = Math.max(0, watched - leftAlone);
    history.push({ with: now, without: bare });
    if (history.length > kept) history.shift();
    screen.head([
      ` wrong now — without Evenkeel ${paint.red(paint.bold(`${bare}${arrow}`))} · with ${paint.green(paint.bold(String(now)))}` +
        (leftAlone > 0 ? ` (and ${leftAlone} left alone, as a person asked)` : ''),
      ` ${injected} broken by the gremlin, ${healed} healed` +
        (p50_ms === null ? '' : `, typically ${seconds(p50_ms)} after the commit that broke them`),
      paint.dim(
        ` the payment provider allows ${town.provider.perSecond} requests a second just now: ${town.provider.asked} asked, ${town.provider.refused} refused`,
      ),
      paint.dim(
        ` ${traffic.committed} transactions of traffic in each shop · ${dashboard === undefined ? '' : `watch it at ${dashboard} · `}Ctrl-C ends and removes all of it`,
      ),
    ]);
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      const start = Date.now();
      await show();
      const rest = Math.max(restMs, 3 * (Date.now() - start));
      await delay(rest, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  }
  const done = run();
  /** What the dashboard shows beside it. */
  const beside = () => ({ ...(history.at(-1) ?? { with: 0, without: 0 }), history });
  return { done, beside, stop: () => (stopped.abort(), done) };
}

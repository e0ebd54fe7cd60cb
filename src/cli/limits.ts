import { type LimitStanding, limitStandings } from '../limits/standing.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { table } from './table.ts';
import { rate } from '../show/rate.ts';
import { clean, grouped } from '../show/text.ts';
import { cut, wrap } from './text.ts';

/** `evenkeel status --limits` */
export async function printLimits({ config, out }: Pick<Call, 'config' | 'out'>): Promise<0> {
  const limits = await withPool(config, limitStandings);
  if (out.json) {
    out.value({ limits });
    return 0;
  }
  if (limits.length === 0) {
    out.line('no limits yet: an invariant brings one with `heal: call`, `celery` or `claim`');
    return 0;
  }
  const titles = [
    'limit',
    'configured',
    'learned',
    'in force',
    'used/min',
    'waiting',
    'under way',
    '429s/min',
    '429s',
  ];
  const rows = limits.map(one => [
    cut(one.name, 28),
    rate(one.configured),
    one.learned ? `${rate(one.learned.rate)} (${one.learned.by})` : '–',
    rate(one.inForce),
    grouped(Math.round(one.minute.used)),
    grouped(one.waiting),
    one.concurrency === null
      ? grouped(one.underWay)
      : `${grouped(one.leases)} of ${grouped(one.concurrency)}`,
    grouped(one.minute.refused),
    grouped(one.refusals),
  ]);
  for (const [i, line] of table(titles, rows, { right: [4, 5, 6, 7, 8] }).entries())
    out.line(i === 0 ? out.paint('dim', line) : limits[i - 1]?.blocked ? out.paint('yellow', line) : line);
  for (const note of limits.flatMap(blocked)) for (const line of wrap(note, out.columns)) out.line(line);
  return 0;
}

function blocked({ name, blocked: stop }: LimitStanding): string[] {
  if (!stop) return [];
  const { until, why } = stop;
  return [`${name}: nothing is sent until ${until.toISOString().slice(11, 19)} UTC: ${clean(why)}`];
}

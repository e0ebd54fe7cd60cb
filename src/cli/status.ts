import {
  type Capturing,
  type CauseCount,
  type Overview,
  type Standing,
  causes,
  isFine,
  overview,
  standings,
  mostListed,
} from '../find/overview.ts';
import { type Home, readHome } from '../roster/home.ts';
import type { Call } from './commands.ts';
import { requireUrl, withPool } from './database.ts';
import { printLimits } from './limits.ts';
import type { Out } from './out.ts';
import { share } from './progress.ts';
import { table } from './table.ts';
import { clean, count, grouped } from '../show/text.ts';
import { cut, wrap } from './text.ts';
import { between, clock, moment, span } from '../show/time.ts';

/** `evenkeel status [name]` */
export async function run({ args: [name], given, config, out }: Call): Promise<0 | 1> {
  if (given.limits) return printLimits({ config, out });
  const { seen, home, broke } = await withPool(config, async pool => ({
    seen: await overview(pool, name),
    home: await readHome(pool, requireUrl(config)),
    broke: name === undefined ? [] : await causes(pool, name),
  }));
  const fine = seen.invariants.every(isFine);
  if (out.json) {
    out.value({
      ...seen,
      ...(name === undefined ? {} : { causes: broke }),
      home: { known: home.known, database: home.database, host: home.host },
      fine,
    });
  } else {
    for (const line of head(seen, home, out)) out.line(line);
    out.line();
    if (name === undefined) for (const line of list(seen, out)) out.line(line);
    else for (const one of seen.invariants) for (const line of detail(one, seen, broke, out)) out.line(line);
  }
  return fine ? 0 : 1;
}

function head({ database, stopped, processes, capture, at }: Overview, home: Home, out: Out): string[] {
  const alive = processes.map(({ host, pid, sweeps }) => `${clean(host)}/${pid}${sweeps ? ' (sweeps)' : ''}`);
  const lines = [
    alive.length === 0
      ? `${clean(database)}: ${out.paint('yellow', 'no process is running; start `evenkeel up`')}`
      : `${clean(database)}: ${count(alive.length, 'process', 'processes')} alive: ${alive.join(', ')}`,
  ];
  lines.push(...wrap(changes(capture, at), out.columns));
  if (stopped) {
    const text = `stopped ${between(stopped.at, at)} ago by ${clean(stopped.by)}: nothing is written until select evenkeel.start()`;
    lines.push(...wrap(text, out.columns).map(line => out.paint('red', line)));
  }
  if (!home.known) {
    const text = `this database is not the one that its ledger remembers (reached as ${home.database} on ${home.host}): cloned, restored or renamed. A process that reaches it this way only observes, until \`evenkeel resume database\``;
    lines.push(...wrap(text, out.columns).map(line => out.paint('red', line)));
  }
  return lines;
}

/** How changes are told, and up to when they were looked at. */
function changes({ kind, why, verifiedAt, position, waiting, gap }: Capturing, at: Date): string {
  if (kind === 'sweeps') return `changes are found by sweeps: ${clean(why)}`;
  const till = verifiedAt
    ? `, looked at up to ${between(verifiedAt, at)} ago${position === null ? '' : ` (${position})`}`
    : ', none looked at yet';
  const rest = waiting > 0 ? `, ${count(waiting, 'suspect')} waiting` : '';
  const lost = gap ? `; some may have been missed until ${moment(gap.at)} (${clean(gap.why)})` : '';
  return `changes are told by ${kind === 'slot' ? 'a replication slot' : 'triggers'}${till}${rest}${lost}`;
}

function list(seen: Overview, out: Out): string[] {
  if (seen.invariants.length === 0) return ['no invariants yet: the first `evenkeel up` brings them'];
  const rows = seen.invariants.map(one => [
    cut(one.name, 28),
    one.state,
    grouped(one.open + one.approved),
    grouped(one.parked),
    grouped(one.undone + one.held),
    grouped(one.hour.healed),
    sure(one, seen.at),
  ]);
  const titles = ['invariant', 'state', 'open', 'parked', 'left', 'healed/h', 'every row looked at'];
  const lines = table(titles, rows, { right: [2, 3, 4, 5] });
  const painted = lines.map((line, i) => {
    const one = seen.invariants[i - 1];
    if (!one) return out.paint('dim', line);
    return isFine(one)
      ? line
      : out.paint(one.state === 'failed' || one.state === 'held' ? 'red' : 'yellow', line);
  });
  const notes = seen.invariants.flatMap(one => remarks(one).map(text => `${one.name}: ${text}`));
  return [...painted, ...(notes.length > 0 ? [''] : []), ...notes.flatMap(note => wrap(note, out.columns))];
}

/** Since when every row was looked at; while there is no such time, how far the first pass is. */
function sure({ provedAt, sweep }: Standing, at: Date): string {
  if (provedAt) return `${between(provedAt, at)} ago`;
  return sweep.running ? `${share(sweep.running.rows, sweep.rows)} so far` : 'not yet';
}

/** What a table has no room for. */
function remarks(one: Standing): string[] {
  const { open, approved, parked, undone, held, sweep } = one;
  const listed = open + approved + parked + undone + held;
  const met = Math.max(sweep.found ?? 0, sweep.running?.found ?? 0);
  return [
    ...(one.why === null ? [] : [`${one.state}: ${clean(one.why)}`]),
    ...(one.state === 'held' ? [`\`evenkeel resume ${one.name}\` when that is what you want`] : []),
    ...(listed >= mostListed && met > listed
      ? [`${grouped(met)} broken rows were met; the first ${grouped(listed)} are listed`]
      : []),
    ...(one.unsure ? [`every row is looked at again: ${clean(one.unsure.why)}`] : []),
    ...(one.ranged > 0
      ? [`a burst changed about ${count(one.ranged, 'key')}: the ranges that hold them are swept`]
      : []),
    ...(one.reading?.why ? [`what it compares with was not read: ${clean(one.reading.why)}`] : []),
    ...(one.reading && !one.reading.lists
      ? ['rows that are missing here are never looked at: what it compares with has no `list`']
      : []),
    ...(one.escapes > 0
      ? [`capture missed ${count(one.escapes, 'violation')}; it rests on sweeps until its definition changes`]
      : []),
    ...(one.older > 0
      ? [`${count(one.older, 'process', 'processes')} with an older definition: standing down`]
      : []),
  ];
}

function detail(one: Standing, { at, capture }: Overview, broke: readonly CauseCount[], out: Out): string[] {
  const { hour } = one;
  const rows: [string, string][] = [
    ['says', clean(one.says)],
    ['on', clean(one.on)],
    ['heal', clean(one.heal) || 'nothing: a person decides'],
    ['guard', one.guard === null ? 'none' : `${grouped(one.guard)}/hour, ${grouped(hour.written)} rows used`],
    ['state', `${one.state}: ${one.why === null ? standings[one.state] : clean(one.why)}`],
    ['violations', ledger(one)],
    [
      'this hour',
      `${grouped(hour.opened)} found, ${grouped(hour.healed)} healed, ${grouped(hour.cleared)} came right by themselves`,
    ],
    [
      'sure',
      one.provedAt
        ? `every row was looked at since ${moment(one.provedAt)}; ${count(one.escapes, 'violation')} missed by capture`
        : 'not every row was looked at yet',
    ],
    ['changes', followed(one, capture, at)],
    ...broke.map((cause): [string, string] => ['broken by', because(cause)]),
    ['sweep', sweeping(one, at)],
    [
      'processes',
      `${one.carriers} stand for it${one.older > 0 ? `, ${one.older} with an older definition stand down` : ''}`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return [
    out.paint('bold', one.name),
    ...rows.flatMap(([name, text]) =>
      wrap(text, out.columns - width - 2).map((part, i) => `  ${(i ? '' : name).padEnd(width)}${part}`),
    ),
  ];

  function ledger({ open, approved, parked, undone, held }: Standing): string {
    return Object.entries({ open, approved, parked, undone, held })
      .map(([state, n]) => `${grouped(n)} ${state}`)
      .join(', ');
  }
}

function followed(one: Standing, { kind }: Capturing, at: Date): string {
  if (kind === 'sweeps') return 'found by sweeping';
  const till = one.verifiedAt ? `looked at up to ${between(one.verifiedAt, at)} ago` : 'none looked at yet';
  const but = one.unfollowed.map(why => `; not followed, so found by sweeping: ${clean(why)}`).join('');
  return `${till}${but}${one.unsure ? `; unsure since ${moment(one.unsure.since)}: ${clean(one.unsure.why)}` : ''}`;
}

function because({ table, operation, role, application, violations }: CauseCount): string {
  const by = [role, application].filter(one => one !== null && one !== '').map(one => clean(one as string));
  return `${operation} of ${clean(table)}${by.length > 0 ? ` by ${by.join(', ')}` : ''}: ${count(violations, 'violation')} this hour`;
}

function sweeping({ sweep }: Standing, at: Date): string {
  const { passes, found, lastPassMs, lastBusyMs, running, rows, nextAt } = sweep;
  const last =
    lastPassMs === null
      ? 'no full pass yet'
      : `${count(passes, 'full pass', 'full passes')}, the last took ${span(lastPassMs)} (${span(lastBusyMs ?? 0)} of them in the database) and met ${count(found ?? 0, 'broken row')}`;
  if (running) {
    return `${last}; now at ${grouped(running.rows)} of about ${count(rows, 'row')}, since ${clock(running.since)}`;
  }
  return nextAt && nextAt > at ? `${last}; the next in ${between(at, nextAt)}` : last;
}

import { type DrillReport, drill } from '../drill/drill.ts';
import { type Drill, type Drilled, unhealed } from '../drill/report.ts';
import { EvenkeelError } from '../errors.ts';
import { loadNamed } from './named.ts';
import { type SchemaOf, withScratch } from '../scratch/scratch.ts';
import type { Call } from './commands.ts';
import { requireUrl } from './database.ts';
import { Meter } from './meter.ts';
import type { Out } from './out.ts';
import { table } from './table.ts';
import { clean, count } from '../show/text.ts';
import { cut } from './text.ts';

/** `evenkeel drill [invariant…]` */
export async function run(call: Call): Promise<0 | 1> {
  const { args, out } = call;
  const source = sourceOf(call);
  const invariants = await loadNamed(call);
  const meter = new Meter();
  meter.show('loading the schema');
  try {
    const report = await withScratch(source, {}, async ({ url, left }) => {
      for (const { line, statement, why } of left)
        meter.above(`schema, line ${line}: left out: ${clean(statement)}: ${clean(why)}`);
      const told = (what: string) => meter.show(what);
      return drill(url, invariants, { only: args.length > 0 ? args : undefined, told });
    });
    meter.clear();
    if (out.json) out.value(json(report));
    else for (const line of lines(report, out)) out.line(line);
    return report.failed.length > 0 || report.invariants.some(one => unhealed(one).length > 0) ? 1 : 0;
  } finally {
    meter.clear();
  }
}

/** @throws wrong-use, no-database */
function sourceOf({ given, config }: Call): SchemaOf {
  const { schema, like } = given;
  if (schema !== undefined && like !== undefined)
    throw new EvenkeelError('wrong-use', 'give --schema or --like, not both');
  if (schema !== undefined) return { schemaFile: schema };
  return { like: like ?? requireUrl(config) };
}

function json({ invariants, failed, unfilled, ms }: DrillReport): unknown {
  return {
    invariants,
    failed: failed.map(({ name, file, error: { code, located } }) => ({
      name,
      file,
      code,
      message: located,
    })),
    unfilled,
    unhealed: invariants.reduce((n, one) => n + unhealed(one).length, 0),
    ms,
  };
}

function lines(report: DrillReport, out: Out): string[] {
  const { invariants, failed, unfilled, ms } = report;
  const wrong = invariants.reduce((n, one) => n + unhealed(one).length, 0);
  const drills = invariants.reduce((n, one) => n + one.corruptions.length, 0);
  return [
    ...table(titles, invariants.map(rowOf), { right: [1, 2, 3, 4, 5, 6, 7, 8, 9] }),
    '',
    ...invariants.flatMap(one => card(one, out)),
    ...failed.map(
      ({ name, error: { code, located } }) => `${out.paint('red', name)}  error[${code}]: ${clean(located)}`,
    ),
    ...unfilled.map(one => `not filled: ${clean(one.table)}: ${clean(one.why)}`),
    `${count(invariants.length, 'invariant')}, ${count(drills, 'corruption')}: ${wrong === 0 ? 'all healed that is to be healed' : out.paint('red', `${wrong} not healed`)}; ${(ms / 1000).toFixed(1)} s`,
  ];
}

const titles = [
  'invariant',
  'broken',
  'capture',
  'sweep',
  'healed',
  'silent',
  'undone',
  'typically',
  'mutants',
  'score',
];

function rowOf({ name, corruptions, mutants, score }: Drilled): string[] {
  const share = (of: (one: Drill) => boolean | null) => {
    const asked = corruptions.map(of).filter(one => one !== null);
    return asked.length === 0 ? '–' : `${asked.filter(Boolean).length}/${asked.length}`;
  };
  const times = corruptions.flatMap(({ ms }) => ms ?? []).sort((a, b) => a - b);
  const typically = times[Math.floor(times.length / 2)];
  return [
    name,
    String(corruptions.length),
    share(one => one.byCapture),
    share(one => one.bySweep),
    share(one => one.healed),
    share(one => one.converged),
    share(one => one.undone),
    typically === undefined ? '–' : `${typically} ms`,
    mutants.made === 0 ? '–' : `${mutants.told}/${mutants.made}`,
    score.of === 0 ? '–' : `${Math.floor((100 * score.passed) / score.of)} %`,
  ];
}

/** What there is to say of it beside its numbers. */
function card(one: Drilled, out: Out): string[] {
  const { name, file, corruptions, because, undrillable, mutants, boundaries, unfollowed } = one;
  const followed = unfollowed.length === 0;
  const failing = corruptions.filter(
    ({ byCapture, bySweep, healed, converged, undone }) =>
      (followed && byCapture === false) || [bySweep, healed, converged, undone].includes(false),
  );
  const text = [
    ...(because === null ? [] : [`  drilled for finding only: ${clean(because)}`]),
    ...(undrillable === null
      ? []
      : [`  ${out.paint('yellow', 'EK601 undrillable')}  ${clean(undrillable)}`, '  docs/rules/EK601.md']),
    ...failing.flatMap(failed => [
      `  ${out.paint('red', whatFailed(failed))}  ${clean(cut(failed.what, 200))}`,
      ...(failed.why === null ? [] : [`    ${clean(failed.why)}`]),
    ]),
    ...(unfollowed.length > 0 && corruptions.some(({ byCapture }) => byCapture === false)
      ? [`  found by sweeps, where changes can't be followed: ${clean(unfollowed.join('; '))}`]
      : []),
    ...(mutants.survivors.length > 0
      ? [
          `  ${out.paint('yellow', 'EK602 surviving-mutant')}  ${file}: no row of the drill tells it from`,
          ...mutants.survivors.flatMap(({ line, was, now }) => [
            `    line ${line} of the query  - ${clean(was)}`,
            `    ${' '.repeat(`line ${line} of the query`.length)}  + ${clean(now)}`,
          ]),
          '  docs/rules/EK602.md',
        ]
      : []),
    ...(boundaries.length > 0
      ? [
          '  at the boundary: is that right?',
          ...boundaries.map(
            ({ flagged, key, after }) =>
              `    ${flagged ? 'flagged    ' : 'not flagged'}  ${clean(key)}${after === null ? '' : `  after ${clean(cut(after, 160))}`}`,
          ),
        ]
      : []),
  ];
  return text.length === 0 ? [] : [out.paint('bold', name), ...text, ''];
}

function whatFailed({ bySweep, healed, converged, undone }: Drill): string {
  if (bySweep === false) return 'not found';
  if (healed === false) return 'not healed';
  if (converged === false) return 'not silent afterwards';
  return undone === false
    ? 'not undone to the same text'
    : 'found only by a sweep, though its changes are followed';
}

import type { Bound } from '../ask/bind.ts';
import { type Checked, type Placed, check } from '../check/check.ts';
import { checkHeals } from '../check/heals/check.ts';
import { onGithub } from '../config.ts';
import { transaction } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { loadNamed } from './named.ts';
import { eachBound } from '../ask/each.ts';
import type { Call } from './commands.ts';
import { withSchema } from './database.ts';
import type { Out } from './out.ts';
import { clean, count } from '../show/text.ts';
import { width } from './text.ts';
import { timeoutOf } from './try.ts';

interface Look extends Checked {
  readonly name: string;
  readonly file: string;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** `evenkeel check [invariant…]` */
export async function run(call: Call): Promise<0 | 1> {
  const { out, given } = call;
  const { all, asked } = await named(call);
  const limits = {
    readOnly: true,
    snapshot: true,
    statement: timeoutOf(call),
    lock: 2_000,
    idle: 60_000,
    schemas: ['public'],
  };
  const looks = await withSchema(call, pool =>
    transaction(pool, limits, async tx => {
      const bounds: Bound[] = [];
      const each = await eachBound<Look | undefined>(
        tx,
        all,
        () => undefined,
        async bound => {
          bounds.push(bound);
          const { invariant } = bound;
          if (!asked.has(invariant.name)) return undefined;
          return { ...of(invariant), error: null, ...(await check(tx, invariant)) };
        },
        (invariant, { code, located }) =>
          asked.has(invariant.name)
            ? { ...of(invariant), error: { code, message: located }, findings: [], unread: [], unused: [] }
            : undefined,
      );
      // Heals meet whether they are asked about or not: all are looked at together.
      const across = await checkHeals(tx, bounds, healsMs);
      return each
        .filter(look => look !== undefined)
        .map(look => ({ ...look, findings: [...look.findings, ...mine(look.name, across, asked)] }));
    }),
  );
  const told = looks.flatMap(look => look.findings.filter(({ ignored }) => ignored === null));
  const countOf = (severity: Placed['severity']) => told.filter(one => one.severity === severity).length;
  const sums = {
    errors: countOf('error') + looks.filter(({ error }) => error).length,
    warnings: countOf('warning'),
    infos: countOf('info'),
    undecided: countOf('undecided'),
  };
  // On standard error, so that --json stays one value.
  if (onGithub()) {
    for (const { file, findings, error } of looks) {
      for (const one of findings) if (one.ignored === null) out.note(annotation(one, file));
      if (error) out.note(annotation(failed(error), file));
    }
  }
  if (out.json) out.value({ invariants: looks, ...sums });
  else {
    for (const look of looks) for (const line of card(look, out)) out.line(line);
    out.line(
      `${count(looks.length, 'invariant')}: ${count(sums.errors, 'error')}, ${count(sums.warnings, 'warning')}, ${count(sums.infos, 'note')}, ${sums.undecided} undecided.`,
    );
  }
  return sums.errors > 0 || (given.strict && sums.warnings > 0) ? 1 : 0;
}

/** An invariant that could not be asked, as a finding. */
const failed = ({ code, message }: NonNullable<Look['error']>): Placed => ({
  rule: code,
  name: '',
  severity: 'error',
  message,
  by: [],
  witness: null,
  fix: null,
  line: null,
  column: null,
  fragment: '',
  source: '',
  at: 0,
  mended: null,
  ignored: null,
  page: '',
});

const of = ({ name, place }: Invariant) => ({ name, file: place.file });

/** What is not decided within that time is undecided; ms. */
const healsMs = 30_000;

/** Findings in its own file, and those in files that weren't asked about, of which it is the first that was. */
function mine(
  name: string,
  across: ReadonlyMap<string, readonly Placed[]>,
  asked: ReadonlySet<string>,
): Placed[] {
  return [...across].flatMap(([file, findings]) =>
    findings.filter(one => {
      if (asked.has(file)) return file === name;
      return one.with?.find(other => asked.has(other.name))?.name === name;
    }),
  );
}

/** All that have SQL, and the names of those that are asked about. @throws no-such, no-invariants */
async function named(call: Call): Promise<{ all: readonly Invariant[]; asked: ReadonlySet<string> }> {
  const invariants = await loadNamed(call);
  // Where another system is the truth, there is no SQL to ask about.
  const all = invariants.filter(({ source }) => !source);
  return { all, asked: new Set(call.args.length > 0 ? call.args : all.map(({ name }) => name)) };
}

function card({ name, file, error, findings, unread, unused }: Look, out: Out): string[] {
  const lines = findings
    .filter(({ ignored }) => ignored === null)
    .flatMap(one => [...shown(one, file, out), '']);
  return [
    ...(error ? [`${out.paint('red', name)}  error[${error.code}]: ${clean(error.message)}`, ''] : []),
    ...lines,
    ...unread.map(why => `${name}  not asked: ${clean(why)}`),
    ...(unused.length > 0
      ? [`${name}  not relied on, because not validated or not enforced: ${clean(unused.join(', '))}`]
      : []),
  ];
}

function shown(one: Placed, file: string, out: Out): string[] {
  const { rule, name, severity, message, source, at, by, witness, fix, mended, page } = one;
  const { trace, with: others } = one;
  const colour = { error: 'red', warning: 'yellow', info: 'blue', undecided: 'dim' } as const;
  const row =
    witness &&
    Object.entries(witness)
      .map(([column, value]) => `${column} = ${value ?? 'NULL'}`)
      .join(', ');
  const plain = (text: string) => clean(text.replaceAll('\t', ' '));
  return [
    `${out.paint(colour[severity], `${severity} ${rule} ${name}`)}  ${placeOf(one, file)}`,
    `  ${plain(source)}`,
    `  ${' '.repeat(width(plain(source.slice(0, at))))}^ ${clean(message)}`,
    ...(others ?? []).map(other => `  with ${other.file} (${clean(other.name)})`),
    ...(trace ?? []).map((step, i) => `  ${i === 0 ? 'so' : '  '} ${clean(step)}`),
    ...by.map(ground => `  by ${clean(ground)}`),
    ...(row ? [`  for example ${clean(row)}`] : []),
    ...(fix === null ? [] : [`  fix: ${clean(fix)}`]),
    ...(mended === null
      ? []
      : [out.paint('red', `  - ${plain(source)}`), out.paint('green', `  + ${plain(mended)}`)]),
    `  ${page}`,
  ];
}

const placeOf = ({ line, column }: Placed, file: string): string =>
  [file, line, column].filter(part => part !== null).join(':');

/** As GitHub takes what it shows beside the code: https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
function annotation({ rule, name, severity, message, line, column, by, fix }: Placed, file: string): string {
  const kind = severity === 'error' || severity === 'warning' ? severity : 'notice';
  const data = (text: string) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const property = (text: string) => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
  const where = [
    `file=${property(file)}`,
    ...(line === null ? [] : [`line=${line}`]),
    ...(column === null ? [] : [`col=${column}`]),
    `title=${property(`${rule} ${name}`)}`,
  ];
  const grounds = by.map(ground => `by ${ground}`);
  return `::${kind} ${where.join(',')}::${data([message, ...grounds, ...(fix === null ? [] : [`fix: ${fix}`])].join('\n'))}`;
}

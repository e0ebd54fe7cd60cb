import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import { type Pool, transaction } from '../db/pool.ts';
import { attempt } from '../declare/fault.ts';
import { duration } from '../declare/values.ts';
import { EvenkeelError } from '../errors.ts';
import { type Loaded, loadFile, loadInvariants } from '../load.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { type Example, type Look, type Write, lookAt } from './look.ts';
import { Meter } from './meter.ts';
import { isEmpty, writeStarter } from './starter.ts';
import { clean, count, grouped } from '../show/text.ts';
import { cut, wrap } from './text.ts';
import { difference } from '../show/values.ts';
import type { Shown } from './values.ts';

/** `evenkeel try [file]` */
export async function run(call: Call): Promise<0 | 1> {
  const { config, out } = call;
  const timeout = timeoutOf(call);
  const { looks, starter } = await withPool(config, async pool => {
    const { loaded, starter } = await declared(pool, call);
    if (starter !== undefined)
      out.note(`${starter}: a starter, to be changed to what must be true of your data\n`);
    if (loaded === undefined) return { looks: [], starter };
    for (const path of loaded.passedOver) out.note(`${path} declares no invariant: passed over`);
    return { looks: await ask(pool, loaded, timeout, call), starter };
  });
  const broken = looks.reduce((sum, { total }) => sum + (total ?? 0), 0);
  const failed = looks.filter(({ error }) => error !== null).length;
  if (out.json)
    out.value({ starter: starter ?? null, invariants: looks.map(look => forPrograms(look, call.shown)) });
  else out.line(wrap(summary(looks, broken, failed, starter, config), out.columns).join('\n'));
  return broken + failed > 0 ? 1 : 0;
}

/** @throws wrong-use */
export function timeoutOf({ given: { timeout = '30s' } }: Call): number {
  const tried = attempt(() => duration(timeout, 1));
  if ('value' in tried) return tried.value;
  throw new EvenkeelError('wrong-use', `--timeout ${timeout}: ${tried.fault.message}`, {
    hint: 'For example --timeout 2m.',
  });
}

/** What is declared; where nothing is, a starter is written. Only `loaded` undefined: a starter that can't be asked. */
async function declared(
  pool: Pool,
  { args: [file], config }: Call,
): Promise<{ loaded: Loaded | undefined; starter?: string }> {
  if (file !== undefined) return { loaded: await loadFile(file) };
  if (!(await isEmpty(config.invariants))) return { loaded: await loadInvariants(config.invariants) };
  const { path, real } = await writeStarter(pool, config.invariants);
  return { starter: path, loaded: real ? await loadFile(resolve(path)) : undefined };
}

/** One transaction that can't write, whatever the invariants say, and sees one state of the data. */
async function ask(pool: Pool, { invariants }: Loaded, timeout: number, call: Call): Promise<Look[]> {
  const { out, shown } = call;
  // Idle only while this process prints; a reader who stops the terminal must not hold a snapshot for long.
  const limits = {
    readOnly: true,
    snapshot: true,
    statement: timeout,
    lock: 2_000,
    idle: 60_000,
    schemas: ['public'],
  };
  const meter = new Meter();
  const print = (look: Look) => {
    for (const line of card(look, shown, call)) out.line(line);
    out.line();
  };
  let n = 0;
  const looks = await transaction(pool, limits, tx =>
    lookAt(
      tx,
      invariants,
      ({ name }) => meter.show(`${++n} of ${invariants.length}: asking ${name} …`),
      look => {
        meter.clear();
        if (out.terminal && !out.json) print(look);
      },
    ),
  );
  // Into a pipe only now: whoever reads it slowly must not hold the transaction open.
  if (!out.terminal && !out.json) for (const look of looks) print(look);
  return looks;
}

function card(look: Look, shown: Shown, { out }: Call): string[] {
  const { name, total, error, says, on, rows, heal, mode } = look;
  const verdict =
    total === null
      ? out.paint('red', 'could not be asked')
      : total === 0
        ? out.paint('green', 'holds')
        : out.paint('yellow', `${grouped(total)} broken`);
  const lines = [
    `${out.paint('bold', name)}  ${verdict}`,
    ...wrap(clean(says), out.columns - 2).map(part => `  ${part}`),
  ];
  if (error) {
    const text = [`error[${error.code}]: ${clean(error.message)}`, `hint: ${clean(error.hint)}`];
    return [...lines, ...text.flatMap(one => wrap(one, out.columns - 2).map(part => `  ${part}`))];
  }
  const facts = [
    `on ${on}`,
    `about ${count(rows, 'row')}`,
    heal === '' ? 'no remedy' : `heal: ${heal}`,
    `mode: ${mode}`,
  ];
  lines.push(...wrap(clean(facts.join(' · ')), out.columns - 2).map(part => out.paint('dim', `  ${part}`)));
  for (const example of look.some) lines.push(...exampleLines(example, on, shown, out));
  const more = (total ?? 0) - look.some.length;
  if (more > 0) lines.push(`  … and ${grouped(more)} more`);
  if (look.flood && mode === 'heal') {
    const text =
      '`up` would hold it: so many at once mean a wrong invariant or a bad deploy, unless you resume it.';
    lines.push(...wrap(text, out.columns - 2).map(part => out.paint('yellow', `  ${part}`)));
  }
  return lines;
}

function exampleLines(
  { key, keyColumns, kind, would, evidence, wanted }: Example,
  on: string,
  shown: Shown,
  out: Call['out'],
): string[] {
  const names = keyColumns.map(clean).join(', ');
  const title = `  ${cut(names, 30)} ${shown.key(key, keyColumns)}`;
  if (would.do === 'write') {
    const verbs = would.writes.map(write => verb(write, on)).join('; ');
    const lines = would.writes.flatMap(({ before, after }) =>
      shown.changes(difference(before, after), '      '),
    );
    return [`${title}  ${out.paint('dim', `${kind}: ${clean(verbs)}`)}`, ...lines];
  }
  // The columns of a `broken` query are evidence: there is nothing that they should be.
  const is = kind === 'missing' || kind === 'broken' ? null : evidence;
  const should = kind === 'extra' ? null : wanted;
  return [
    `${title}  ${out.paint('dim', `${kind}: a person decides, ${clean(would.why)}`)}`,
    ...shown.changes(difference(is, should), '      '),
  ];
}

const verb = ({ remedy, table }: Write, on: string): string =>
  remedy === 'append' || table !== on ? `would insert into ${table}` : `would ${remedy}`;

function forPrograms(look: Look, shown: Shown): unknown {
  return {
    ...look,
    some: look.some.map(example => ({
      ...example,
      key: shown.maskKey(example.key, example.keyColumns),
      evidence: shown.mask(example.evidence),
      wanted: shown.mask(example.wanted),
      would:
        example.would.do === 'ask'
          ? example.would
          : {
              do: 'write',
              writes: example.would.writes.map(write => ({
                ...write,
                before: shown.mask(write.before),
                after: shown.mask(write.after),
              })),
            },
    })),
  };
}

function summary(
  looks: readonly Look[],
  broken: number,
  failed: number,
  starter: string | undefined,
  config: Config,
): string {
  if (starter !== undefined && looks.length === 0) {
    return `Next: write into ${starter} what must be true of one of your tables, and run \`evenkeel try\` again.`;
  }
  const found = `${count(looks.length, 'invariant')}: ${count(broken, 'broken row')}${failed > 0 ? `, ${failed} could not be asked` : ''}; nothing was written.`;
  if (starter !== undefined)
    return `${found} Next: change ${starter} to what must be true, and run \`evenkeel try\` again.`;
  if (failed > 0) return found;
  if (looks.some(({ mode }) => mode === 'heal'))
    return `${found} Next: \`evenkeel up\` heals those with mode: heal, and watches all.`;
  const writes = looks.some(({ heal }) => heal !== '' && !heal.startsWith('park '));
  const more = writes ? `; \`mode: heal\` in a file of ${config.invariants} lets it write` : '';
  return `${found} Next: \`evenkeel up\` watches them${more}.`;
}

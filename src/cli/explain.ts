import { type Tx, transaction } from '../db/pool.ts';
import { didYouMean } from '../declare/guess.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import type { Key } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { loadInvariants } from '../load.ts';
import { eachBound } from '../ask/each.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { type Derivation, derivation } from '../watch/derivation.ts';
import type { Out } from './out.ts';
import { keyOf } from '../find/subject.ts';
import { balancedAs, followed, forms, scans, waysOf } from '../show/derivation.ts';
import { clean } from '../show/text.ts';
import { wrap } from './text.ts';
import { span } from '../show/time.ts';
import { timeoutOf } from './try.ts';

/** `evenkeel explain <invariant | invariant/key>` */
export async function run(call: Call): Promise<0> {
  const { config, out, shown, given } = call;
  const { invariant, parts } = await named(call);
  const limits = {
    readOnly: true,
    snapshot: true,
    statement: timeoutOf(call),
    lock: 2_000,
    idle: 60_000,
    schemas: ['public'],
  };
  const explained = await withPool(config, pool =>
    transaction(pool, limits, tx => explain(tx, invariant, parts)),
  );
  const { asked, key } = explained;
  if (out.json) {
    const sample = asked.sample && { ...asked.sample, key: shown.maskKey(asked.sample.key, key) };
    out.value({ ...explained, asked: { ...asked, sample, plan: hidden(explained, call) } });
    return 0;
  }
  for (const line of card(explained, call)) out.line(line);
  if (given.verbose) for (const line of ['', ...hidden(explained, call)]) out.line(clean(line));
  return 0;
}

/** @throws no-such, no-invariants */
async function named({ args, config }: Call): Promise<{ invariant: Invariant; parts: readonly string[] }> {
  const [first = '', ...rest] = args;
  const [name = '', ...more] = first.split('/');
  const { invariants } = await loadInvariants(config.invariants);
  const invariant = invariants.find(one => one.name === name);
  if (invariant) return { invariant, parts: [...(more.length > 0 ? [more.join('/')] : []), ...rest] };
  const names = invariants.map(one => one.name);
  throw new EvenkeelError('no-such', `there is no invariant '${name}'${didYouMean(name, names)}`, {
    hint: `In ${config.invariants} there are: ${names.join(', ')}.`,
  });
}

/** @throws what keeps it from being bound, or asked */
async function explain(tx: Tx, invariant: Invariant, parts: readonly string[]): Promise<Derivation> {
  const of = (bound: Bound) => {
    const names = bound.key.map(one => one.name);
    const key: Key | undefined = parts.length > 0 ? keyOf(parts, names) : undefined;
    return derivation(tx, bound, key);
  };
  const refused = (_: Invariant, error: EvenkeelError): never => {
    throw error;
  };
  const [explained] = await eachBound(tx, [invariant], () => undefined, of, refused);
  return explained as Derivation;
}

/** A plan holds the key that was asked for. */
function hidden({ key, asked: { plan, sample } }: Derivation, { shown }: Call): readonly string[] {
  const secrets = (sample?.key ?? []).filter(
    (part, i) => part !== null && shown.maskKey([part], [key[i] ?? '']).includes('***'),
  );
  return plan.map(line => secrets.reduce<string>((text, part) => text.replaceAll(part ?? '', '***'), line));
}

function card(explained: Derivation, call: Call): string[] {
  const { name, says, on, key, tables, clock, everyMs } = explained;
  const { out } = call;
  const rows: [string, readonly string[]][] = [
    ['key', [`${key.join(', ')} of ${on}`]],
    ['changes', tables.flatMap(waysOf)],
    ['followed', followed(explained)],
    ...(clock
      ? [['clock', [`changes with time too: asked every ${span(everyMs ?? 0)}`]] as [string, string[]]]
      : []),
    ['asked', [...forms(explained.asked), ...(explained.balanced ? [balancedAs] : [])]],
    ['sample', [sampleOf(explained, call)]],
    ['plan', scans(explained.asked)],
  ];
  const width = Math.max(...rows.map(([title]) => title.length)) + 2;
  const line = (title: string, text: string, i: number) =>
    wrap(clean(text), out.columns - width - 4).map(
      (part, n) => `  ${(i || n ? '' : title).padEnd(width)}${n ? '  ' : ''}${part}`,
    );
  return [
    `${out.paint('bold', name)}  ${verdict(explained, out)}`,
    ...wrap(clean(says), out.columns - 2).map(part => `  ${part}`),
    ...rows.flatMap(([title, texts]) => texts.flatMap((text, i) => line(title, text, i))),
  ];
}

function verdict({ unfollowed: { triggers, slot } }: Derivation, out: Out): string {
  if (triggers.length > 0) return out.paint('yellow', 'found by sweeping');
  if (slot.length > 0) return out.paint('yellow', 'found from changes by triggers; by a slot not all');
  return out.paint('green', 'found from changes');
}

function sampleOf({ key, asked: { sample } }: Derivation, { shown, given }: Call): string {
  if (!sample) return 'none: the table is empty';
  const time = sample.ms === null ? `longer than ${given.timeout ?? '30s'}` : `${sample.ms} ms`;
  return `${shown.key(sample.key, key)}: ${time}`;
}

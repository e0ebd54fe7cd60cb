import { unknownInvariant } from '../find/overview.ts';
import { type Listed, listViolations } from '../find/list.ts';
import type { Call } from './commands.ts';
import { causeText } from '../show/cause.ts';
import { withPool } from './database.ts';
import { idOf, limitOf } from './numbers.ts';
import type { Out } from './out.ts';
import { clean, count } from '../show/text.ts';
import { wrap } from './text.ts';
import { between } from '../show/time.ts';
import { changesOf } from '../show/change.ts';
import type { Shown } from './values.ts';

/** `evenkeel violations` */
export async function run({ given, config, out, shown }: Call): Promise<0 | 1> {
  const limit = limitOf(given);
  const before = given.before === undefined ? undefined : idOf(given.before, 'violations');
  const { violations, next, at } = await withPool(config, async pool => {
    const { invariant } = given;
    const { rows } = await pool.query<{ at: Date; known: boolean }>(
      `select clock_timestamp() as at, $1::text is null or exists (select from evenkeel.invariant where name = $1) as known`,
      [invariant ?? null],
    );
    if (invariant !== undefined && !rows[0]?.known) throw await unknownInvariant(pool, invariant);
    return { ...(await listViolations(pool, { invariant, before, limit })), at: rows[0]?.at ?? new Date() };
  });
  if (out.json) {
    out.value({ violations: violations.map(one => forPrograms(one, shown)), next: next ?? null });
  } else if (violations.length === 0) out.line('nothing is wrong, as far as it has been looked at');
  else {
    for (const one of violations) for (const line of card(one, at, shown, out)) out.line(line);
    if (next !== undefined) out.note(`more: --before ${next}`);
  }
  return violations.length > 0 ? 1 : 0;
}

function forPrograms(one: Listed, shown: Shown): unknown {
  return {
    ...one,
    key: shown.maskKey(one.key, one.keyColumns),
    evidence: shown.mask(one.evidence),
    wanted: shown.mask(one.wanted),
  };
}

function card(one: Listed, at: Date, shown: Shown, out: Out): string[] {
  const title = `#${one.id}  ${one.invariant}  ${shown.key(one.key, one.keyColumns)}`;
  const facts = [one.kind, stateText(one, at), `seen ${between(one.openedAt, at)} ago`].join(', ');
  const lines = [
    `${out.paint('bold', title)}  ${out.paint(one.state === 'parked' ? 'yellow' : 'dim', facts)}`,
  ];
  lines.push(...shown.changes(changesOf(one), '    '));
  if (one.cause !== null) {
    const by = wrap(`broken by ${causeText(one.cause)}`, out.columns - 4);
    lines.push(...by.map(part => out.paint('dim', `    ${part}`)));
  }
  if (one.reason !== null) lines.push(...wrap(clean(one.reason), out.columns - 4).map(part => `    ${part}`));
  return lines;
}

function stateText({ state, dueAt, attempts, heal, decidedBy }: Listed, at: Date): string {
  const who = decidedBy === null ? '' : ` by ${clean(decidedBy)}`;
  const tried = attempts > 0 ? `, tried ${count(attempts, 'time')}` : '';
  if (state !== 'open') return `${state}${who}${tried}`;
  if (heal === '') return 'open, a person decides';
  return `open${dueAt > at ? `, due in ${between(at, dueAt)}` : ''}${tried}`;
}

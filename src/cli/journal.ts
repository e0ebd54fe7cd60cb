import { sureness } from '../find/overview.ts';
import { type Told, readJournal } from '../journal/read.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { idOf, limitOf } from './numbers.ts';
import type { Out } from './out.ts';
import { causeText } from '../show/cause.ts';
import { complete } from '../show/sure.ts';
import { clean } from '../show/text.ts';
import { wrap } from './text.ts';
import { between, moment } from '../show/time.ts';
import { since } from './since.ts';
import { difference } from '../show/values.ts';
import type { Shown } from './values.ts';

/** `evenkeel journal` */
export async function run({ given, config, out, shown }: Call): Promise<0> {
  const limit = limitOf(given);
  const before = given.before === undefined ? undefined : idOf(given.before, 'journal');
  const { invariant, table } = given;
  const key = given.key?.split(',').map(part => part.trim());
  const { entries, next, sure } = await withPool(config, async pool => {
    const from = given.since === undefined ? undefined : await since(pool, given.since);
    const page = await readJournal(pool, { invariant, table, key, since: from, before, limit });
    return { ...page, sure: await sureness(pool, invariant) };
  });
  if (out.json) {
    out.value({ entries: entries.map(entry => forPrograms(entry, shown)), next: next ?? null, sure });
    return 0;
  }
  if (entries.length === 0) out.line('the journal has no such entry');
  else {
    for (const entry of entries) for (const line of card(entry, shown, out)) out.line(line);
    if (next !== undefined) out.note(`more: --before ${next}`);
  }
  for (const line of wrap(complete(sure), out.columns)) out.note(line);
  return 0;
}

function forPrograms(entry: Told, shown: Shown): unknown {
  return {
    ...entry,
    key: shown.maskKey(entry.key, entry.keyColumns),
    subject: shown.maskKey(entry.subject, entry.subjectColumns),
    before: shown.mask(entry.before),
    after: shown.mask(entry.after),
  };
}

function card(entry: Told, shown: Shown, out: Out): string[] {
  const title = `#${entry.id}  ${clean(entry.table)}  ${shown.key(entry.key, entry.keyColumns)}`;
  const lines = [`${out.paint('bold', title)}  ${out.paint('dim', moment(entry.at))}  ${actionOf(entry)}`];
  lines.push(...shown.changes(difference(entry.before, entry.after), '    '));
  lines.push(...wrap(reasonOf(entry, shown), out.columns - 4).map(part => out.paint('dim', `    ${part}`)));
  return lines;
}

function actionOf({ action, undoneBy, undoes }: Told): string {
  if (action === 'undo') return `undo of #${undoes}`;
  return undoneBy === null ? action : `${action}, undone by #${undoneBy}`;
}

/** Which invariant, of which subject, for how long it was wrong, and whose decision. */
function reasonOf(entry: Told, shown: Shown): string {
  const { invariant, subject, subjectColumns, key, openedAt, at, decidedBy, becauseOf, unchecked, cause } =
    entry;
  const other =
    JSON.stringify(subject) === JSON.stringify(key) ? '' : ` ${shown.key(subject, subjectColumns)}`;
  return [
    `${invariant}${other}`,
    ...(openedAt ? [`wrong for ${between(openedAt, at)}`] : []),
    ...(cause === null ? [] : [`broken by ${causeText(cause)}`]),
    ...(becauseOf === null ? [] : [`set off by ${becauseOf}`]),
    ...(decidedBy === 'evenkeel' ? [] : [`decided by ${clean(decidedBy)}`]),
    ...(unchecked.length > 0 ? [`not checked: ${unchecked.join(', ')}`] : []),
  ].join(' · ');
}

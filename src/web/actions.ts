import {
  type Approval,
  approve,
  approveAll,
  holdInvariant,
  holdSubject,
  resumeInvariant,
  resumeSubject,
  sweepNow,
} from '../find/decide.ts';
import type { Pool } from '../db/pool.ts';
import type { Key } from '../ask/ask.ts';
import { undo } from '../journal/undo.ts';
import { count } from '../show/text.ts';
import { chosen, given, numberOf } from './filters.ts';
import { html, link, path, text } from './html.ts';
import type { Asked, Ground, Page } from './page.ts';
import { BadRequest, NotFound } from './trouble.ts';
import { undoPage } from './pages/undo.ts';

/** A decision: gives where to go on, or a page where there is more to say. */
export type Act = (
  ground: Ground,
  asked: Asked,
  params: Record<string, string>,
  by: string,
) => Promise<string | Page>;

/** Everything that can be decided. The same functions as the command line's. */
export const acts: Readonly<Record<string, Act>> = {
  '/approve': async ({ pool }, { query }, _, by) => {
    const one = numberOf(query, 'one');
    const ids = one === undefined ? chosen(query, 'id') : [one];
    if (ids.length === 0) throw new BadRequest('No violation was chosen.');
    return approved(await approve(pool, ids, by), backOf(query));
  },
  '/hold': async ({ pool }, { query }, _, by) => {
    await holdSubject(pool, await subjectOf(pool, query), by);
    return link(backOf(query), { said: 'held' });
  },
  '/resume': async ({ pool }, { query }, _, by) => {
    await resumeSubject(pool, await subjectOf(pool, query), by);
    return link(backOf(query), { said: 'resumed' });
  },
  '/invariants/:name/approve-all': async ({ pool }, { query }, { name = '' }, by) => {
    const upTo = numberOf(query, 'up-to');
    if (upTo === undefined) throw new BadRequest('Up to which violation?');
    return approved(await approveAll(pool, name, upTo, by), path('invariants', name));
  },
  '/invariants/:name/hold': async ({ pool }, { query }, { name = '' }, by) => {
    await holdInvariant(pool, name, by, given(query, 'why')?.slice(0, 200));
    return link(path('invariants', name), { said: 'held' });
  },
  '/invariants/:name/resume': async ({ pool }, _, { name = '' }, by) => {
    await resumeInvariant(pool, name, by);
    return link(path('invariants', name), { said: 'resumed' });
  },
  '/invariants/:name/sweep': async ({ pool }, _, { name = '' }, by) => {
    await sweepNow(pool, name, by);
    return link(path('invariants', name), { said: 'swept' });
  },
  '/undo/preview': async (ground, asked, _, by) => {
    const entries = entriesOf(asked.query);
    return undoPage(ground, asked, await undo(ground.pool, { entries, dryRun: true }, by), entries);
  },
  '/undo': async (ground, asked, _, by) => {
    const report = await undo(ground.pool, { entries: entriesOf(asked.query), dryRun: false }, by);
    if (report.refused.length > 0) return undoPage(ground, asked, report, []);
    return link('/journal', { said: 'undone', n: String(report.restored.length) });
  },
};

function entriesOf(query: URLSearchParams): string[] {
  const one = numberOf(query, 'one');
  const entries = one === undefined ? chosen(query, 'entry') : [one];
  if (entries.length === 0) throw new BadRequest('No entry was chosen.');
  return entries;
}

function approved({ approved, refused }: Approval, back: string): string | Page {
  if (refused.length === 0) return link(back, { said: 'approved', n: String(approved.length) });
  return {
    title: 'Approved in part',
    body: html`<h1>${count(approved.length, 'violation')} approved, ${refused.length} refused</h1>
      <ul class="plain">
        ${refused.slice(0, 100).map(({ id, why }) => html`<li>#${id}: ${text(why, 300)}</li>`)}
      </ul>
      <p><a href="${back}">Back</a></p>`,
  };
}

/** Of the violation whose button was pressed. */
async function subjectOf(pool: Pool, query: URLSearchParams): Promise<{ invariant: string; key: Key }> {
  const id = numberOf(query, 'one');
  if (id === undefined) throw new BadRequest('Which violation?');
  const { rows } = await pool.query<{ invariant: string; key: Key }>(
    'select invariant, key from evenkeel.violation where id = $1',
    [id],
  );
  const [subject] = rows;
  if (!subject) throw new NotFound(`There is no violation ${id}; it may have come right meanwhile.`);
  return subject;
}

/** Only pages of ours that list violations. */
function backOf(query: URLSearchParams): string {
  const back = given(query, 'back') ?? '/waiting';
  return /^\/(waiting|invariants\/[a-z0-9_-]+)(\?[\w=&%.-]*)?$/i.test(back) ? back : '/waiting';
}

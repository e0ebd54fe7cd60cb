import type { Key } from '../../ask/ask.ts';
import type { UndoReport } from '../../journal/undo.ts';
import { count } from '../../show/text.ts';
import { cell, html, keyText, text } from '../html.ts';
import type { Asked, Ground, Page } from '../page.ts';
import { badge } from '../parts.ts';

/** What an undo would restore and refuse; or, with no entries left to undo, what it did. */
export async function undoPage(
  { pool, mask }: Ground,
  { csrf }: Asked,
  { restored, refused }: UndoReport,
  entries: readonly string[],
): Promise<Page> {
  const preview = entries.length > 0;
  // The report tells no names of key columns: the journal knows them.
  const { rows } = await pool.query<{ id: string; names: string[] }>(
    'select id, key_columns as names from evenkeel.entry where id = any($1)',
    [[...restored, ...refused].map(({ entry }) => entry)],
  );
  const names = new Map(rows.map(row => [row.id, row.names]));
  const row = ({ entry, table, key }: { entry: string; table: string; key: Key }) =>
    html`<strong>${text(table, 80)} ${keyText(mask, key, names.get(entry) ?? [])}</strong>
      <span class="dim">#${entry}</span>`;
  const title = preview ? 'What an undo would do' : 'Undone in part';
  return {
    title,
    place: '/journal',
    body: html`<h1>${title}</h1>
      <p class="lead">
        ${count(restored.length, 'row')} ${preview ? 'would be ' : ''}restored, ${refused.length} refused.
        What was undone is left alone until it changes, or until somebody says resume.
      </p>
      <ul class="plain cards">
        ${restored.map(one => html`<li class="card">${badge(preview ? 'would restore' : 'restored', 'good')} ${row(one)} ${one.columns.map((column, i) => `${i > 0 ? ', ' : ''}${text(column, 63)}`)}</li>`)}
        ${refused.map(
          one =>
            html`<li class="card">
              ${badge('refused', 'warn')} ${row(one)}
              <p>${text(one.why, 400)}</p>
              ${one.conflicts.map(({ column, wrote, now }) => html`<p class="dim">${text(column, 63)}: wrote ${cell(mask, column, wrote)}, now ${cell(mask, column, now)}</p>`)}
            </li>`,
        )}
      </ul>
      ${
        preview && restored.length > 0
          ? html`<form method="post" action="/undo" class="bar">
              ${csrf}${entries.map(id => html`<input type="hidden" name="entry" value="${id}" />`)}<button>
                Undo ${count(restored.length, 'row')}
              </button>
              <a href="/journal">Leave it</a>
            </form>`
          : html`<p><a href="/journal">Back to the journal</a></p>`
      }`,
  };
}

import { html } from 'hono/html';
import type { Key } from '../ask/ask.ts';
import { clean } from '../show/text.ts';
import { span } from '../show/time.ts';
import { type Change, type Mask, hidden } from '../show/values.ts';

export { html };
/** Escaped: whatever is put into a template is text, unless it came from a template itself. */
export type Html = ReturnType<typeof html>;

/** The same for what is put in where no template is. */
export const escaped = (value: string): string =>
  value.replace(/[&<>"']/g, found => `&#${found.charCodeAt(0)};`);

const longest = 200;

/** Text from a database or a file: made harmless to the eye too, and cut. */
export function text(value: string, most = longest): string {
  // Cut first: a value may be a megabyte.
  const kept = value.length > most ? `${Array.from(value.slice(0, most)).join('')}…` : value;
  return clean(kept);
}

/** One value of a row. Undefined: there is no such row or column. */
export function cell(mask: Mask, column: string, value: string | null | undefined): Html {
  if (value === undefined) return html`<span class="none">·</span>`;
  if (value === null) return html`<span class="none">NULL</span>`;
  if (mask.hides(column)) return html`<span class="none">${hidden}</span>`;
  if (value === '') return html`<span class="none">''</span>`;
  const { length } = value;
  const more = length > longest ? html` <span class="none">(${length} characters)</span>` : '';
  return html`<bdi>${text(value)}</bdi>${more}`;
}

/** `42`, or `7, b` for a composite key. */
export const keyText = (mask: Mask, key: Key, names: readonly string[]): string =>
  key.map((part, i) => (part === null ? 'NULL' : text(mask.one(names[i] ?? '', part) ?? '', 60))).join(', ');

/** Before → after, a line for each column. */
export function changes(mask: Mask, all: readonly Change[]): Html {
  if (all.length === 0) return html``;
  const some = all.slice(0, mostColumns);
  return html`<table class="cells">
    <tbody>
      ${some.map(
        ({ column, from, to }) =>
          html`<tr>
            <th scope="row">${text(column, 63)}</th>
            <td class="from">${from === undefined ? '' : cell(mask, column, from)}</td>
            <td class="to">
              ${to === undefined ? html`<span class="none">no row</span>` : html`<span aria-label="becomes">→</span> ${cell(mask, column, to)}`}
            </td>
          </tr>`,
      )}
      ${
        all.length > some.length
          ? html`<tr>
              <td colspan="3">… and ${all.length - some.length} more columns</td>
            </tr>`
          : ''
      }
    </tbody>
  </table>`;
}
const mostColumns = 30;

/** A moment as a person thinks of it, with the moment itself for whoever points at it. */
export const ago = (then: Date, now: Date): Html =>
  html`<time datetime="${then.toISOString()}" title="${stamp(then)}"
    >${span(now.getTime() - then.getTime())} ago</time
  >`;

/** `2026-11-23 19:04:11 UTC`: whoever looks may be in another time zone than the server. */
export const stamp = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** An address: each part is data. */
export const path = (...parts: readonly string[]): string =>
  `/${parts.map(part => encodeURIComponent(part)).join('/')}`;

/** A name=value list behind a path; undefined ones are left out. */
export function link(
  to: string,
  query: Readonly<Record<string, string | readonly string[] | undefined>>,
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) search.append(name, one);
  }
  const tail = search.toString();
  return tail === '' ? to : `${to}${to.includes('?') ? '&' : '?'}${tail}`;
}

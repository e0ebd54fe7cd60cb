import type { Key } from '../../ask/ask.ts';
import type { Pool } from '../../db/pool.ts';
import { sureness } from '../../find/overview.ts';
import { readJournal } from '../../journal/read.ts';
import { complete } from '../../show/sure.ts';
import { given, invariantOf, moment, numberOf } from '../filters.ts';
import { type Html, html, keyText, link, text } from '../html.ts';
import type { Asked, Ground, Page } from '../page.ts';
import { BadRequest, NotFound } from '../trouble.ts';
import { entryCard } from './cards.ts';
import { said } from './said.ts';

/** By invariant, table, key and time. */
export async function journalPage({ pool, mask }: Ground, asked: Asked): Promise<Page> {
  const { query } = asked;
  const words = ['table', 'key', 'since', 'until'] as const;
  const [table, key, since, until] = words.map(word => given(query, word));
  const invariant = await invariantOf(pool, given(query, 'invariant'));
  const before = numberOf(query, 'before');
  const filter = {
    invariant,
    table,
    key: key?.split(',').map(part => part.trim()),
    since: await moment(pool, query, 'since'),
    until: await moment(pool, query, 'until'),
    before,
  };
  const [{ entries, next }, sure, names] = await Promise.all([
    readJournal(pool, { ...filter, limit: 25, brief: true }),
    sureness(pool, invariant),
    pool.query<{ name: string }>('select name from evenkeel.invariant order by name'),
  ]);
  const here = { invariant, table, key, since, until };
  const field = (name: (typeof words)[number], label: string, hint: string): Html =>
    html`<label>${label} <input name="${name}" value="${here[name] ?? ''}" placeholder="${hint}" /></label>`;
  const body = html`<h1>Journal</h1>
    ${said(query)}
    <p class="dim" id="sure">${complete(sure)}</p>
    <form class="filter" method="get" action="/journal">
      <label
        >Invariant
        <select name="invariant">
          <option value="">all</option>
          ${names.rows.map(({ name }) => html`<option${name === invariant ? html` selected` : ''}>${name}</option>`)}
        </select></label
      >
      ${field('table', 'Table', 'public.orders')} ${field('key', 'Key', '42')}
      ${field('since', 'Since', '15m, 3d, 2026-11-23')} ${field('until', 'Until', '2026-11-24 14:00')}
      <button class="quiet">Show</button>
    </form>
    <section id="entries" aria-label="Entries">
      ${
        entries.length === 0
          ? html`<p class="dim">The journal has no such entry.</p>`
          : entryList(
              entries.map(one => entryCard(mask, one, sure.at, asked)),
              asked,
            )
      }
      ${next === undefined ? '' : html`<p><a href="${link('/journal', { ...here, before: next })}" rel="next">Older</a></p>`}
    </section>`;
  // A page further back doesn't change under its reader.
  return { title: 'Journal', body, place: '/journal', live: before === undefined };
}

function entryList(cards: readonly Html[], { decides, csrf }: Asked): Html {
  const list = html`<ol class="plain cards">
    ${cards}
  </ol>`;
  if (!decides) return list;
  return html`<form method="post" action="/undo/preview" class="deciding">
    ${csrf}${list}
    <p class="bar"><button>Undo what is chosen …</button></p>
  </form>`;
}

interface Row {
  readonly table: string;
  readonly key: Key;
  readonly names: readonly string[];
}

/** By the number of an entry or a violation: addresses are kept by browsers and proxies, and a key may be secret. */
async function rowOf(pool: Pool, entry: string | undefined, violation: string | undefined): Promise<Row> {
  if ((entry === undefined) === (violation === undefined))
    throw new BadRequest('Which row? Expected the number of an entry or of a violation.');
  const { rows } = await pool.query<Row>(
    entry === undefined
      ? `select i.on_table as table, v.key, i.key as names
           from evenkeel.violation v join evenkeel.invariant i on i.name = v.invariant where v.id = $1`
      : 'select table_name as table, key, key_columns as names from evenkeel.entry where id = $1',
    [entry ?? violation],
  );
  const [row] = rows;
  if (row) return row;
  throw new NotFound(
    entry === undefined
      ? `There is no violation ${violation}; it may have come right meanwhile.`
      : `There is no entry ${entry}; it may be older than what is kept.`,
  );
}

/** All that ever happened to one row. */
export async function rowPage({ pool, mask }: Ground, asked: Asked): Promise<Page> {
  const { query } = asked;
  const entry = numberOf(query, 'entry');
  const violation = numberOf(query, 'violation');
  const { table, key, names } = await rowOf(pool, entry, violation);
  const before = numberOf(query, 'before');
  const { entries, next } = await readJournal(pool, { table, key, before, limit: 50, brief: true });
  const open = await pool.query<{ invariant: string; state: string; id: string; at: Date }>(
    `select v.invariant, v.state, v.id, clock_timestamp() as at from evenkeel.violation v join evenkeel.invariant i on i.name = v.invariant
      where v.key = $1 and i.on_table = any($2)`,
    [key, [table, `public.${table}`]],
  );
  const body = html`<h1>${text(table, 120)} ${keyText(mask, key, names)}</h1>
    <p class="lead">All that was written to this row, or because of it, newest first.</p>
    ${open.rows.map(one => html`<p class="warn">It is ${one.state} now: <a href="/invariants/${encodeURIComponent(one.invariant)}#v${one.id}">${one.invariant}</a></p>`)}
    <section id="entries" aria-label="Entries">
      ${
        entries.length === 0
          ? html`<p class="dim">Nothing was ever written to it.</p>`
          : entryList(
              entries.map(one => entryCard(mask, one, new Date(), asked)),
              asked,
            )
      }
      ${next === undefined ? '' : html`<p><a href="${link('/row', { entry, violation, before: next })}" rel="next">Older</a></p>`}
    </section>`;
  return { title: 'A row', body, place: '/journal', live: before === undefined };
}

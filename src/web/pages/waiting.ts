import { decisions } from '../../find/decision.ts';
import { type Listed, listViolations } from '../../find/list.ts';
import { overview } from '../../find/overview.ts';
import { states } from '../../find/states.ts';
import { clean, count } from '../../show/text.ts';
import { given, invariantOf, numberOf, oneOf } from '../filters.ts';
import { type Html, ago, html, keyText, link, path, text } from '../html.ts';
import type { Asked, Ground, Page } from '../page.ts';
import { badge } from '../parts.ts';
import { violationCard } from './cards.ts';
import { said } from './said.ts';

const stateNames = Object.keys(states) as (keyof typeof states)[];

/** Everything that is wrong, and what only a person can decide. */
export async function waitingPage(ground: Ground, asked: Asked): Promise<Page> {
  const { pool, recent, mask } = ground;
  const { query } = asked;
  const state = oneOf(query, 'state', stateNames);
  const invariant = await invariantOf(pool, given(query, 'invariant'));
  const before = numberOf(query, 'before');
  const [{ violations, next }, seen, decided] = await Promise.all([
    listViolations(pool, {
      invariant,
      before,
      limit: 25,
      brief: true,
      ...(state ? { states: [state] } : {}),
    }),
    recent.of('overview', 0, () => overview(pool)),
    decisions(pool, undefined, 10),
  ]);
  const held = seen.invariants.filter(one => one.state === 'held' || one.state === 'failed');
  const tables = new Map(seen.invariants.map(({ name, on }) => [name, on]));
  const more = next && link('/waiting', { state, invariant, before: next });
  const body = html`<h1>What is wrong, and what waits</h1>
    ${said(query)}
    ${
      held.length === 0
        ? ''
        : html`<section id="held">
            <h2>Held or failed</h2>
            <ul class="plain">
              ${held.map(
                one =>
                  html`<li>
                    ${badge(one.state, 'bad')}
                    <a href="${path('invariants', one.name)}">${one.name}</a> ${text(one.why ?? '', 300)}
                  </li>`,
              )}
            </ul>
          </section>`
    }
    <section id="violations" aria-labelledby="violations-title">
      <h2 id="violations-title">Violations</h2>
      <form class="filter" method="get" action="/waiting">
        <label
          >State
          <select name="state">
            <option value="">any</option>
            ${stateNames.map(name => html`<option${name === state ? html` selected` : ''}>${name}</option>`)}
          </select></label
        >
        <label
          >Invariant
          <select name="invariant">
            <option value="">all</option>
            ${seen.invariants.map(
              ({ name }) => html`<option${name === invariant ? html` selected` : ''}>${name}</option>`,
            )}
          </select></label
        >
        <button class="quiet">Show</button>
      </form>
      ${violationList(
        violations.map(one => violationCard(mask, one, seen.at, asked, tables.get(one.invariant))),
        violations,
        asked,
        link('/waiting', { state, invariant }),
      )}
      ${more === undefined ? '' : html`<p><a href="${more}" rel="next">Older</a></p>`}
    </section>
    <section id="decided">
      <h2>Decided lately</h2>
      ${
        decided.length === 0
          ? html`<p class="dim">Nothing yet.</p>`
          : html`<ul class="plain">
              ${decided.map(
                one =>
                  html`<li>
                    <b>${text(one.by, 80)}</b> said ${one.what}
                    ${one.count > 1 ? `to ${count(one.count, 'violation')} of ` : ''}<a
                      href="${path('invariants', one.invariant)}"
                      >${one.invariant}</a
                    >
                    ${one.key ? keyText(mask, one.key, one.keyColumns) : ''}
                    <span class="dim"
                      >${ago(one.at, seen.at)}${one.why === null ? '' : `: ${clean(one.why)}`}</span
                    >
                  </li>`,
              )}
            </ul>`
      }
    </section>`;
  return { title: 'Waiting', body, place: '/waiting', live: true };
}

/** The list inside the form that decides. */
export function violationList(
  cards: readonly Html[],
  violations: readonly Listed[],
  { decides, csrf }: Asked,
  back: string,
): Html {
  if (violations.length === 0)
    return html`<p class="dim">Nothing is wrong here, as far as it has been looked at.</p>`;
  const list = html`<ol class="plain cards">
    ${cards}
  </ol>`;
  if (!decides) return list;
  return html`<form method="post" action="/approve" class="deciding">
    ${csrf}<input type="hidden" name="back" value="${back}" />${list}
    <p class="bar"><button>Approve what is chosen</button></p>
  </form>`;
}

import { listViolations } from '../../find/list.ts';
import { type Standing, causes, overview, standings } from '../../find/overview.ts';
import { rhythms } from '../../find/rhythm.ts';
import { speeds } from '../../journal/speed.ts';
import { decisions } from '../../find/decision.ts';
import { count, grouped } from '../../show/text.ts';
import { span } from '../../show/time.ts';
import { numberOf } from '../filters.ts';
import { type Html, ago, html, keyText, link, path, text } from '../html.ts';
import type { Asked, Ground, Page } from '../page.ts';
import { progress, sparkline, stateBadge } from '../parts.ts';
import { violationCard } from './cards.ts';
import { definition, reasoned } from './definition.ts';
import { said } from './said.ts';
import { violationList } from './waiting.ts';

export async function invariantPage(
  ground: Ground,
  asked: Asked,
  { name = '' }: Record<string, string>,
): Promise<Page> {
  const { pool, mask } = ground;
  const before = numberOf(asked.query, 'before');
  const seen = await overview(pool, name);
  const [one] = seen.invariants;
  if (!one) throw new Error(`no standing of ${name}`);
  const [{ violations, next }, rhythm, speed, broke, decided, reasons] = await Promise.all([
    listViolations(pool, { invariant: name, before, limit: 25, brief: true }),
    rhythms(pool),
    ground.recent.of('speeds', 3_000, () => speeds(pool)),
    causes(pool, name),
    decisions(pool, name, 5),
    ground.reasoning.of(name, 60),
  ]);
  const invariant = ground.invariants.find(other => other.name === name);
  const at = path('invariants', name);
  const mine = rhythm.get(name);
  const quick = speed.get(name);
  const body = html`<section id="title" class="title">
      <h1>${one.name} ${stateBadge(one)}</h1>
      ${asked.decides ? buttons(one, asked, at) : ''}
    </section>
    <p class="lead">${text(one.says, 400)}</p>
    ${said(asked.query)}
    <section id="standing" class="two">
      <dl class="facts">
        <dt>State</dt>
        <dd>${one.state}: ${one.why === null ? standings[one.state] : text(one.why, 400)}</dd>
        <dt>Wrong</dt>
        <dd>
          ${(['open', 'approved', 'parked', 'undone', 'held'] as const).map((state, i) => `${i > 0 ? ', ' : ''}${grouped(one[state])} ${state}`).join('')}
        </dd>
        <dt>Guard</dt>
        <dd>
          ${one.guard === null ? 'none' : `${grouped(one.guard)} rows an hour, ${grouped(one.hour.written)} used`}
        </dd>
        ${
          quick
            ? html`<dt>Time to heal</dt>
                <dd>
                  half within ${span(quick.p50)}, 99 of 100 within ${span(quick.p99)} (the last
                  ${count(quick.of, 'heal')})
                </dd>`
            : ''
        }
        <dt>Changes</dt>
        <dd>
          ${one.verifiedAt ? html`looked at up to ${ago(one.verifiedAt, seen.at)}` : 'found by sweeping'}${one.unfollowed.map(why => html`; not followed: ${text(why, 200)}`)}
        </dd>
        <dt>Every row</dt>
        <dd>
          ${one.provedAt ? html`looked at since ${ago(one.provedAt, seen.at)}` : 'not yet'};
          ${count(one.escapes, 'violation')} missed by capture
        </dd>
        ${
          one.unsure
            ? html`<dt>Unsure</dt>
                <dd>since ${ago(one.unsure.since, seen.at)}: ${text(one.unsure.why, 300)}</dd>`
            : ''
        }
        ${
          one.sweep.running
            ? html`<dt>Sweep</dt>
                <dd>
                  ${progress(one.sweep.running.rows, one.sweep.rows, 'Sweep')}
                  ${grouped(one.sweep.running.rows)} of about ${grouped(one.sweep.rows)} rows
                </dd>`
            : ''
        }
      </dl>
      <div>
        ${
          mine
            ? html`<h2>This hour</h2>
                ${sparkline(mine.opened, mine.healed)}
                <p class="dim">
                  ${grouped(one.hour.opened)} found, ${grouped(one.hour.healed)} healed,
                  ${grouped(one.hour.cleared)} came right by themselves
                </p>`
            : ''
        }
        ${
          broke.length > 0
            ? html`<h2>Broken by</h2>
                <ul class="plain">
                  ${broke.map(({ table, operation, role, application, violations }) => html`<li>${operation} of ${text(table, 80)}${role ? ` by ${text(role, 60)}` : ''}${application ? `, ${text(application, 60)}` : ''} <span class="dim">${grouped(violations)} this hour</span></li>`)}
                </ul>`
            : ''
        }
        <p><a href="${link('/journal', { invariant: name })}">Its journal</a></p>
      </div>
    </section>
    <section id="violations" aria-labelledby="violations-title">
      <h2 id="violations-title">Violations</h2>
      ${asked.decides && violations.length > 1 ? everything(one, asked, at, violations[0]?.id ?? '0') : ''}
      ${violationList(
        violations.map(v => violationCard(mask, v, seen.at, asked, one.on)),
        violations,
        asked,
        at,
      )}
      ${next === undefined ? '' : html`<p><a href="${link(at, { before: next })}" rel="next">Older</a></p>`}
    </section>
    ${definition(one, invariant)} ${reasoned(mask, invariant, reasons)}
    ${
      decided.length === 0
        ? ''
        : html`<section id="decided">
            <h2>Decided by people</h2>
            <ul class="plain">
              ${decided.map(d => html`<li><b>${text(d.by, 80)}</b> said ${d.what}${d.count > 1 ? ` to ${count(d.count, 'violation')}` : ''} ${d.key ? keyText(mask, d.key, d.keyColumns) : ''} <span class="dim">${ago(d.at, seen.at)}${d.why === null ? '' : `: ${text(d.why, 200)}`}</span></li>`)}
            </ul>
          </section>`
    }`;
  return { title: name, body, place: '/', live: true };
}

/** Which there are follows from the state. */
function buttons({ state }: Standing, { csrf }: Asked, at: string): Html {
  if (state === 'retired') return html``;
  return html`<form method="post" action="${at}/hold" class="buttons">
    ${csrf}
    ${
      state === 'held'
        ? html`<button formaction="${at}/resume">Resume</button>`
        : html`<input name="why" maxlength="200" placeholder="Why" aria-label="Why it is held" /><button
              class="quiet"
            >
              Hold
            </button>`
    } <button class="quiet" formaction="${at}/sweep">Sweep now</button>
  </form>`;
}

/** All that were there when the page was made; what came since is not meant. */
function everything({ open, parked, heal }: Standing, { csrf }: Asked, at: string, upTo: string): Html {
  const n = open + parked;
  if (n < 2 || heal === '') return html``;
  return html`<form method="post" action="${at}/approve-all" class="bar">
    ${csrf}<input type="hidden" name="up-to" value="${upTo}" /> <button>Approve all ${grouped(n)}</button>
  </form>`;
}

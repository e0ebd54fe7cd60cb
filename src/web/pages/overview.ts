import {
  type Overview,
  type Standing,
  type Sureness,
  mostListed,
  overview,
  sureness,
} from '../../find/overview.ts';
import { type Rhythm, rhythms } from '../../find/rhythm.ts';
import { type Breakers, breakers } from '../../journal/breakers.ts';
import { type Told, readJournal } from '../../journal/read.ts';
import { type Speed, speeds } from '../../journal/speed.ts';
import { complete } from '../../show/sure.ts';
import { count, grouped } from '../../show/text.ts';
import { span } from '../../show/time.ts';
import { difference } from '../../show/values.ts';
import { lagBytes } from '../../watch/lag.ts';
import { type Html, ago, changes, html, keyText, link, path, text } from '../html.ts';
import type { Beside, Ground, Page } from '../page.ts';
import { badge, curves, sparkline, stateBadge } from '../parts.ts';
import { machinery } from './machinery.ts';

interface Seen {
  readonly seen: Overview;
  readonly sure: Sureness;
  readonly rhythm: ReadonlyMap<string, Rhythm>;
  readonly speed: ReadonlyMap<string, Speed>;
  readonly broke: Breakers;
}

export async function overviewPage(ground: Ground): Promise<Page> {
  const { pool, recent } = ground;
  const [seen, sure, rhythm, speed, broke, lag, { entries }] = await Promise.all([
    recent.of('overview', 0, () => overview(pool)),
    sureness(pool),
    rhythms(pool),
    recent.of('speeds', 3_000, () => speeds(pool)),
    recent.of('breakers', 10_000, () => breakers(pool)),
    lagBytes(pool),
    readJournal(pool, { limit: 6, brief: true }),
  ]);
  const all = { seen, sure, rhythm, speed, broke };
  const body = html`<h1 class="unseen">Overview of ${text(seen.database)}</h1>
    ${answers(all)} ${ground.beside ? shops(ground.beside()) : ''} ${invariants(all)}
    <div class="two">${machinery(seen, lag)} ${latest(ground, entries, seen.at)}</div>`;
  return { title: text(seen.database), body, place: '/', live: true };
}

/** The four questions, in this order. */
function answers(all: Seen): Html {
  const [truth, tone] = isTrue(all);
  return html`<section id="answers" class="answers" aria-label="At a glance">
    <div class="answer first ${tone}" role="status">
      <h2>Is everything true right now?</h2>
      ${truth}
    </div>
    <div class="answer">
      <h2>How sure are we?</h2>
      ${howSure(all)}
    </div>
    <div class="answer">
      <h2>What did it do, and who broke it?</h2>
      ${did(all)}
    </div>
    <div class="answer">
      <h2>What waits for me?</h2>
      ${waits(all)}
    </div>
  </section>`;
}

function isTrue({ seen, sure }: Seen): [Html, 'good' | 'warn' | 'calm'] {
  const { invariants } = seen;
  const add = (of: (one: Standing) => number) => invariants.reduce((n, one) => n + of(one), 0);
  const wrong = add(one => one.open + one.approved + one.parked);
  const left = add(one => one.undone + one.held);
  const blind = invariants.filter(({ state }) => state === 'failed').length;
  const aside = left > 0 ? html`<p>And ${grouped(left)} left alone, as a person asked.</p>` : '';
  if (invariants.length === 0) return [html`<p class="big">Nothing is declared yet</p>`, 'calm'];
  if (wrong > 0) {
    return [
      html`<p class="big">
          ${invariants.some(isMore) ? 'At least ' : ''}<a href="/waiting">${count(wrong, 'row')}</a>
          ${wrong === 1 ? 'is' : 'are'} wrong
        </p>
        <p>
          in ${count(invariants.filter(one => one.open + one.approved + one.parked > 0).length, 'invariant')}
          of ${invariants.length}
        </p>
        ${aside}`,
      'warn',
    ];
  }
  if (seen.processes.length === 0)
    return [
      html`<p class="big">Nobody is looking</p>
        <p>No process runs: start <code>evenkeel up</code>.</p>`,
      'warn',
    ];
  if (blind > 0)
    return [
      html`<p class="big">Not known</p>
        <p>${count(blind, 'invariant')} could not be asked.</p>`,
      'warn',
    ];
  if (sure.provedAt === null)
    return [
      html`<p class="big">So far, yes</p>
        <p>Not every row was looked at yet.</p>
        ${aside}`,
      'calm',
    ];
  const doubtful = invariants.filter(one => isDoubtful(one, seen.at)).length;
  if (doubtful > 0)
    return [
      html`<p class="big">As far as we know</p>
        <p>Of ${count(doubtful, 'invariant')} not everything was looked at lately.</p>
        ${aside}`,
      'calm',
    ];
  return [
    html`<p class="big">Yes</p>
      <p>All ${count(invariants.length, 'invariant')} hold.</p>
      ${aside}`,
    'good',
  ];
}

/** Something may be wrong that nobody has looked at. */
function isDoubtful(
  { unsure, ranged, reading, backedBy, verifiedAt, provedAt, sweep }: Standing,
  at: Date,
): boolean {
  if (unsure !== null || ranged > 0 || (reading !== null && reading.why !== null)) return true;
  const since = (then: Date | null) => (then === null ? 0 : at.getTime() - then.getTime());
  if (backedBy === 'capture' && since(verifiedAt) > lateMs) return true;
  const pause = provedAt && sweep.nextAt ? sweep.nextAt.getTime() - provedAt.getTime() : 0;
  // As where an alert says that no sweep was completed.
  return since(provedAt) > Math.max(600_000, 10 * (sweep.lastPassMs ?? 0), 10 * pause);
}
/** Where changes are followed it is noted every second how far; then what was committed in this time may be wrong. */
const lateMs = 5_000;

const wrongOf = (one: Standing): number => one.open + one.approved + one.parked;

/** More were found than are listed, or may be. */
const isMore = (one: Standing): boolean =>
  wrongOf(one) >= mostListed || (one.sweep.found ?? 0) > Math.max(mostListed, wrongOf(one));

function howSure({ seen, sure }: Seen): Html {
  const unsure = seen.invariants.filter(({ unsure }) => unsure).length;
  // What may have been missed before every row was looked at is of no matter any more.
  const gap =
    sure.provedAt && seen.capture.gap && sure.provedAt > seen.capture.gap.at ? null : seen.capture.gap;
  return html`<p class="mid">${complete({ ...sure, position: null })}</p>
    ${gap ? html`<p>Changes may have been missed until ${ago(gap.at, seen.at)}: ${text(gap.why)}</p>` : ''}
    ${unsure > 0 ? html`<p>${count(unsure, 'invariant')} ${unsure === 1 ? 'is' : 'are'} looked at again, every row.</p>` : ''}`;
}

function did({ rhythm, speed, broke }: Seen): Html {
  const healed = [...rhythm.values()].reduce((n, { today }) => n + today.healed, 0);
  const whole = speed.get('');
  const [worst] = broke.statements;
  return html`<p class="mid">
      <b>${grouped(healed)}</b> healed
      today${whole ? html`, half within <b>${span(whole.p50)}</b>, 99 of 100 within <b>${span(whole.p99)}</b>` : ''}
    </p>
    <p>
      ${worst ? html`Broken most by <a href="/causes">${worst.operation} of ${text(worst.table, 60)}</a>` : 'Nothing is known to have broken anything.'}
    </p>`;
}

function waits({ seen }: Seen): Html {
  const things: Html[] = [];
  const add = (n: number, what: Html) => {
    if (n > 0) things.push(html`<li>${what}</li>`);
  };
  const { invariants, stopped } = seen;
  const parked = invariants.reduce((n, one) => n + one.parked, 0);
  const held = invariants.filter(({ state }) => state === 'held');
  const asking = invariants
    .filter(one => one.state === 'observing' || one.state === 'held' || one.heal === '')
    .reduce((n, one) => n + one.open, 0);
  if (stopped)
    things.push(html`<li>${badge('stopped', 'bad')} by ${text(stopped.by)}: nothing is written</li>`);
  for (const one of held)
    things.push(
      html`<li>${badge('held', 'bad')} <a href="${path('invariants', one.name)}">${one.name}</a></li>`,
    );
  add(parked, html`<a href="/waiting?state=parked">${grouped(parked)} parked</a>`);
  add(asking, html`<a href="/waiting?state=open">${grouped(asking)} that only a person approves</a>`);
  return things.length === 0
    ? html`<p class="mid">Nothing</p>`
    : html`<ul class="plain mid">
        ${things}
      </ul>`;
}

function shops({ with: kept, without, history }: Beside): Html {
  return html`<section id="shops" class="shops" aria-labelledby="shops-title">
    <h2 id="shops-title">Two identical shops, the same faults in both</h2>
    <div class="pair">
      <div><span class="figure bad">${grouped(without)}</span> rows are wrong <b>without</b> Evenkeel</div>
      <div><span class="figure good">${grouped(kept)}</span> rows are wrong <b>with</b> it</div>
      ${curves(history)}
    </div>
  </section>`;
}

function invariants({ seen, rhythm, speed }: Seen): Html {
  if (seen.invariants.length === 0) return html``;
  return html`<section id="invariants" aria-labelledby="invariants-title">
    <h2 id="invariants-title">Invariants</h2>
    <table class="list stack">
      <thead>
        <tr>
          <th scope="col">What must be true</th>
          <th scope="col">State</th>
          <th scope="col" class="n">Wrong</th>
          <th scope="col" class="n">Healed today</th>
          <th scope="col" class="n">Time to heal</th>
          <th scope="col">Looked at</th>
          <th scope="col">This hour</th>
        </tr>
      </thead>
      <tbody>
        ${seen.invariants.map(one => row(one, seen.at, rhythm.get(one.name), speed.get(one.name)))}
      </tbody>
    </table>
  </section>`;
}

function row(one: Standing, at: Date, rhythm: Rhythm | undefined, speed: Speed | undefined): Html {
  const wrong = one.open + one.approved + one.parked;
  const left = one.undone + one.held;
  return html`<tr>
    <th scope="row">
      <a href="${path('invariants', one.name)}">${one.name}</a><span class="says">${text(one.says)}</span>
    </th>
    <td data-label="State">${stateBadge(one)}</td>
    <td data-label="Wrong" class="n">
      <span class="${wrong > 0 ? 'warn strong' : 'zero'}"
        >${isMore(one) ? 'at least ' : ''}${grouped(wrong)}</span
      >${left > 0 ? html` <span class="dim">+${grouped(left)} left alone</span>` : ''}
    </td>
    <td data-label="Healed today" class="n">${grouped(rhythm?.today.healed ?? 0)}</td>
    <td data-label="Time to heal" class="n">
      ${speed ? html`${span(speed.p50)} <span class="dim" title="99 of 100 within">/ ${span(speed.p99)}</span>` : html`<span class="dim">–</span>`}
    </td>
    <td data-label="Looked at">${lookedAt(one, at)}</td>
    <td data-label="This hour">${rhythm ? sparkline(rhythm.opened, rhythm.healed) : ''}</td>
  </tr>`;
}

/** Up to when its changes were, since when every row was, and what capture missed. */
function lookedAt(one: Standing, at: Date): Html {
  const parts: (Html | string)[] = [];
  if (one.verifiedAt && one.backedBy === 'capture') parts.push(html`changes ${ago(one.verifiedAt, at)}`);
  parts.push(one.provedAt ? html`rows ${ago(one.provedAt, at)}` : 'not all rows yet');
  if (one.escapes > 0) parts.push(html`<b>${grouped(one.escapes)} missed</b>`);
  if (one.unsure) parts.push(badge('unsure', 'warn'));
  return html`${parts.map(part => html`<span class="part">${part}</span>`)}`;
}

function latest({ mask }: Ground, entries: readonly Told[], at: Date): Html {
  return html`<section id="latest" aria-labelledby="latest-title">
    <h2 id="latest-title">Latest in the journal</h2>
    ${
      entries.length === 0
        ? html`<p class="dim">Nothing was written yet.</p>`
        : html`<ol class="plain feed">
            ${entries.map(
              one =>
                html`<li data-id="${one.id}">
                  <div class="line">
                    <a href="${link('/row', { entry: one.id })}"
                      >${text(one.table, 60)} ${keyText(mask, one.key, one.keyColumns)}</a
                    >
                    <span class="dim"
                      >${one.action === 'undo' ? 'undone' : one.invariant} · ${ago(one.at, at)}</span
                    >
                  </div>
                  ${changes(mask, difference(one.before, one.after).slice(0, 3))}
                </li>`,
            )}
          </ol>`
    }
    <p><a href="/journal">The whole journal</a></p>
  </section>`;
}

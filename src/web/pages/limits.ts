import { type LimitStanding, limitStandings } from '../../limits/standing.ts';
import { rate } from '../../show/rate.ts';
import { grouped } from '../../show/text.ts';
import { type Html, html, stamp, text } from '../html.ts';
import type { Ground, Page } from '../page.ts';
import { progress } from '../parts.ts';

/** What upstreams allow: in force, used, waiting, blocked until. */
export async function limitsPage({ pool }: Ground): Promise<Page> {
  const limits = await limitStandings(pool);
  const body = html`<h1>Limits of upstreams</h1>
    <section id="limits" aria-label="Limits">
      ${
        limits.length === 0
          ? html`<p class="dim">
              No limits yet: an invariant brings one with <code>heal: call</code>, <code>celery</code> or
              <code>claim</code>.
            </p>`
          : html`<table class="list stack">
              <thead>
                <tr>
                  <th scope="col">Limit</th>
                  <th scope="col">In force</th>
                  <th scope="col">Used, last minute</th>
                  <th scope="col" class="n">Waiting</th>
                  <th scope="col" class="n">Under way</th>
                  <th scope="col" class="n">Refused</th>
                  <th scope="col">Blocked until</th>
                </tr>
              </thead>
              <tbody>
                ${limits.map(row)}
              </tbody>
            </table>`
      }
    </section>`;
  return { title: 'Limits', body, place: '/limits', live: true };
}

function row(one: LimitStanding): Html {
  const { configured, inForce, learned, minute, blocked } = one;
  const room = inForce * 60;
  return html`<tr>
    <th scope="row">${text(one.name, 63)}</th>
    <td data-label="In force">
      ${rate(inForce)}
      <span class="dim"
        >${learned ? `${learned.by === 'told' ? 'as it says' : 'found out'}; declared ${rate(configured)}` : 'as declared'}</span
      >
    </td>
    <td data-label="Used, last minute">
      ${progress(minute.used, room, `Used of ${one.name}`)} <span class="dim">${grouped(minute.used)}</span>
    </td>
    <td data-label="Waiting" class="n">${grouped(one.waiting)}</td>
    <td data-label="Under way" class="n">
      ${one.concurrency === null ? grouped(one.underWay) : `${grouped(one.leases)} of ${grouped(one.concurrency)}`}
    </td>
    <td data-label="Refused" class="n">
      ${grouped(minute.refused)} <span class="dim">of ${grouped(one.refusals)} ever</span>
    </td>
    <td data-label="Blocked until">
      ${blocked ? html`<span class="warn">${stamp(blocked.until)}</span> <span class="dim">${text(blocked.why, 200)}</span>` : html`<span class="dim">–</span>`}
    </td>
  </tr>`;
}

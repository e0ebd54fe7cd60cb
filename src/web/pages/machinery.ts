import type { Overview, Standing } from '../../find/overview.ts';
import { count, grouped } from '../../show/text.ts';
import { span } from '../../show/time.ts';
import { type Html, html, path, text } from '../html.ts';
import { badge, bytes, progress } from '../parts.ts';

/** How changes are told, who works, and how far the sweeps are. */
export function machinery({ capture, invariants, processes, at }: Overview, lag: number | null): Html {
  const kinds = { slot: 'a replication slot', triggers: 'triggers', sweeps: 'sweeps alone' };
  const late = capture.verifiedAt ? at.getTime() - capture.verifiedAt.getTime() : undefined;
  return html`<section id="machinery" aria-labelledby="machinery-title">
    <h2 id="machinery-title">How it looks</h2>
    <dl class="facts">
      <dt>Changes</dt>
      <dd>told by ${kinds[capture.kind]}${capture.kind === 'sweeps' ? html`: ${text(capture.why)}` : ''}</dd>
      ${
        late === undefined
          ? ''
          : html`<dt>Behind</dt>
              <dd>
                ${span(late)}${lag === null ? '' : `, ${bytes(lag)}`}${capture.waiting > 0 ? `, ${count(capture.waiting, 'suspect')} waiting` : ''}
              </dd>`
      }
      <dt>Processes</dt>
      <dd>
        ${processes.length === 0 ? badge('none', 'bad') : processes.map((one, i) => html`${i > 0 ? ', ' : ''}${text(one.host, 60)}/${one.pid}${one.sweeps ? ' (leads)' : ''}`)}
      </dd>
    </dl>
    <h3>Sweeps, the backstop</h3>
    <ul class="plain sweeps">
      ${invariants.map(one => sweep(one, at))}
    </ul>
  </section>`;
}

function sweep({ name, sweep }: Standing, at: Date): Html {
  const { running, rows, passes, lastPassMs, nextAt } = sweep;
  const told = running
    ? html`${progress(running.rows, rows, `Sweep of ${name}`)}
        <span class="dim">${grouped(running.rows)} of about ${grouped(rows)}</span>`
    : html`<span class="dim"
        >${passes === 0 ? 'not yet' : html`${count(passes, 'pass', 'passes')}, the last in ${span(lastPassMs ?? 0)}${nextAt && nextAt > at ? `; the next in ${span(nextAt.getTime() - at.getTime())}` : ''}`}</span
      >`;
  return html`<li><a href="${path('invariants', name)}">${name}</a> ${told}</li>`;
}

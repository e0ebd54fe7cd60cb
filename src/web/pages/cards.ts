import type { Listed } from '../../find/list.ts';
import type { Told } from '../../journal/read.ts';
import { causeText } from '../../show/cause.ts';
import { changesOf } from '../../show/change.ts';
import { count } from '../../show/text.ts';
import { span } from '../../show/time.ts';
import { type Mask, difference } from '../../show/values.ts';
import { type Html, ago, changes, html, keyText, link, path, stamp, text } from '../html.ts';
import type { Asked } from '../page.ts';
import { badge } from '../parts.ts';

/** One violation: what is wrong, since when, who broke it, and exactly what would be written. */
export function violationCard(
  mask: Mask,
  one: Listed,
  at: Date,
  asked: Asked,
  table: string | undefined,
): Html {
  const key = keyText(mask, one.key, one.keyColumns);
  const tones = {
    parked: 'warn',
    open: 'calm',
    approved: 'good',
    claimed: 'calm',
    undone: 'calm',
    held: 'calm',
  } as const;
  const stays = one.state === 'undone' || one.state === 'held' || one.state === 'parked';
  const writes = one.heal.split('; ').some(remedy => remedy !== '' && !remedy.startsWith('park '));
  const may = asked.decides && writes && one.state !== 'undone' && one.state !== 'held';
  return html`<li class="card" id="v${one.id}">
    <div class="line">
      ${may ? html`<input type="checkbox" name="id" value="${one.id}" aria-label="Choose violation ${one.id}" />` : ''}
      <strong
        >${table === undefined ? key : html`<a href="${link('/row', { violation: one.id })}">${key}</a>`}</strong
      >
      <a class="dim" href="${path('invariants', one.invariant)}">${one.invariant}</a>
      ${badge(one.kind, 'calm')} ${badge(one.state, tones[one.state])}
      <span class="dim">#${one.id}, seen ${ago(one.openedAt, at)}${waits(one, at)}</span>
      ${
        asked.decides
          ? html`<span class="acts">
              ${may ? html`<button name="one" value="${one.id}" formaction="/approve">Approve</button>` : ''}
              ${
                stays
                  ? html`<button class="quiet" name="one" value="${one.id}" formaction="/resume">
                      Resume
                    </button>`
                  : html`<button class="quiet" name="one" value="${one.id}" formaction="/hold">
                      Leave alone
                    </button>`
              }
            </span>`
          : ''
      }
    </div>
    ${changes(mask, changesOf(one))}
    ${one.cause ? html`<p class="dim">Broken by ${causeText(one.cause)}, ${stamp(new Date(one.cause.at))}</p>` : ''}
    ${one.reason === null ? '' : html`<p>${text(one.reason, 400)}</p>`}
  </li>`;
}

function waits({ state, dueAt, attempts, heal, decidedBy }: Listed, at: Date): string {
  const tried = attempts > 0 ? `, tried ${count(attempts, 'time')}` : '';
  if (state !== 'open') return `${decidedBy === null ? '' : `, by ${text(decidedBy, 60)}`}${tried}`;
  if (heal === '') return ', a person decides';
  return `${dueAt > at ? `, due in ${span(dueAt.getTime() - at.getTime())}` : ''}${tried}`;
}

/** One entry: before and after, who decided, what broke it, what it was checked against. */
export function entryCard(mask: Mask, one: Told, at: Date, asked: Asked): Html {
  const { decidedBy, becauseOf, cause, unchecked, openedAt, undoneBy, undoes, action } = one;
  const reversible = asked.decides && action !== 'undo' && undoneBy === null;
  const other =
    JSON.stringify(one.subject) === JSON.stringify(one.key)
      ? ''
      : ` ${keyText(mask, one.subject, one.subjectColumns)}`;
  return html`<li class="card" id="e${one.id}">
    <div class="line">
      ${reversible ? html`<input type="checkbox" name="entry" value="${one.id}" aria-label="Choose entry ${one.id}" />` : ''}
      <strong
        ><a href="${link('/row', { entry: one.id })}"
          >${text(one.table, 80)} ${keyText(mask, one.key, one.keyColumns)}</a
        ></strong
      >
      ${badge(action, action === 'undo' ? 'warn' : 'calm')}
      ${undoneBy === null ? '' : badge('undone', 'warn')}
      <span class="dim">#${one.id}, ${ago(one.at, at)}</span>
      ${reversible ? html`<span class="acts"><button class="quiet" name="one" value="${one.id}" formaction="/undo/preview">Undo …</button></span>` : ''}
    </div>
    ${changes(mask, difference(one.before, one.after))}
    <dl class="small">
      <div>
        <dt>invariant</dt>
        <dd><a href="${path('invariants', one.invariant)}">${one.invariant}</a>${other}</dd>
      </div>
      <div>
        <dt>decided by</dt>
        <dd>
          ${decidedBy === 'evenkeel' ? 'itself' : text(decidedBy, 80)}${becauseOf === null ? '' : `, set off by ${becauseOf}`}
        </dd>
      </div>
      ${
        openedAt
          ? html`<div>
              <dt>was wrong for</dt>
              <dd>${span(one.at.getTime() - openedAt.getTime())}</dd>
            </div>`
          : ''
      }
      ${
        cause
          ? html`<div>
              <dt>broken by</dt>
              <dd>${causeText(cause)}</dd>
            </div>`
          : ''
      }
      <div>
        <dt>verified</dt>
        <dd>${verified(one)}${unchecked.length > 0 ? `; not checked: ${unchecked.join(', ')}` : ''}</dd>
      </div>
      <div>
        <dt>transaction</dt>
        <dd>${one.xid}, ${stamp(one.at)}</dd>
      </div>
      ${
        undoes === null
          ? ''
          : html`<div>
              <dt>undoes</dt>
              <dd>#${undoes}</dd>
            </div>`
      }
      ${
        undoneBy === null
          ? ''
          : html`<div>
              <dt>undone by</dt>
              <dd>#${undoneBy}</dd>
            </div>`
      }
    </dl>
  </li>`;
}

/** An entry commits only if the invariant was silent afterwards; a restored row holds what it held before. */
const verified = ({ action }: Told): string =>
  action === 'undo' ? 'it holds what it held before' : 'asked again in the same transaction, and silent';

import type { Checked, Placed } from '../../check/check.ts';
import type { Standing } from '../../find/overview.ts';
import type { Invariant } from '../../declare/invariant.ts';
import { durationText } from '../../declare/values.ts';
import { EvenkeelError } from '../../errors.ts';
import { balancedAs, followed, forms, scans, waysOf } from '../../show/derivation.ts';
import type { Mask } from '../../show/values.ts';
import type { Derivation } from '../../watch/derivation.ts';
import { type Html, html, keyText, text } from '../html.ts';
import { badge } from '../parts.ts';
import type { Reasons } from '../reasoning.ts';

/** SQL and remedy, as declared. */
export function definition(one: Standing, invariant: Invariant | undefined): Html {
  return html`<section id="definition" aria-labelledby="definition-title">
    <h2 id="definition-title">As declared</h2>
    <dl class="facts">
      <dt>On</dt>
      <dd><code>${text(one.on, 300)}</code></dd>
      <dt>Heal</dt>
      <dd><code>${one.heal === '' ? 'nothing: a person decides' : text(one.heal, 400)}</code></dd>
      <dt>Mode</dt>
      <dd>${one.mode}</dd>
      ${
        invariant
          ? html`<dt>Grace</dt>
              <dd>${durationText(invariant.graceMs)}</dd>
              <dt>File</dt>
              <dd>${text(invariant.place.file, 300)}</dd>`
          : ''
      }
    </dl>
    ${invariant ? html`<pre tabindex="0" aria-label="Its SQL">${plain(invariant.sql)}</pre>` : html`<p class="dim">This process doesn't carry it: its SQL is with those that do.</p>`}
  </section>`;
}

/** Line ends and tabs are meant here; all else is made harmless. */
const plain = (sql: string): string =>
  sql
    .slice(0, 20_000)
    .split('\n')
    .map(line => text(line.replaceAll('\t', '    '), 2_000))
    .join('\n');

/** How it is followed, and what can be proved of it. */
export function reasoned(mask: Mask, invariant: Invariant | undefined, reasons: Reasons | undefined): Html {
  if (!invariant) return html``;
  const asking = html`<p class="dim">Postgres is being asked; it will stand here in a moment.</p>`;
  return html`<section id="derivation" aria-labelledby="derivation-title">
      <h2 id="derivation-title">How it is watched</h2>
      ${reasons ? derived(mask, reasons.derivation) : asking}
    </section>
    ${
      invariant.source
        ? ''
        : html`<section id="check" aria-labelledby="check-title">
            <h2 id="check-title">What can be proved of it</h2>
            ${reasons ? findings(reasons.checked) : asking}
          </section>`
    }`;
}

function derived(mask: Mask, derivation: Derivation | EvenkeelError): Html {
  if (derivation instanceof EvenkeelError) return refused(derivation);
  const { asked } = derivation;
  const rows: [string, readonly string[]][] = [
    ['Key', [`${derivation.key.join(', ')} of ${derivation.on}`]],
    ['Changes', derivation.tables.flatMap(waysOf)],
    ['Followed', followed(derivation)],
    ...(derivation.clock
      ? [
          ['Clock', [`changes with time too: asked every ${durationText(derivation.everyMs ?? 0)}`]] as [
            string,
            string[],
          ],
        ]
      : []),
    ['Asked', [...forms(asked), ...(derivation.balanced ? [balancedAs] : [])]],
    ...(asked.sample
      ? [
          [
            'Sample',
            [
              `${keyText(mask, asked.sample.key, derivation.key)}: ${asked.sample.ms === null ? 'longer than allowed' : `${asked.sample.ms} ms`}`,
            ],
          ] as [string, string[]],
        ]
      : []),
    ['Plan', scans(asked)],
  ];
  return html`<dl class="facts">
    ${rows.map(
      ([title, lines]) =>
        html`<dt>${title}</dt>
          <dd>${lines.map(line => html`<div>${text(line, 500)}</div>`)}</dd>`,
    )}
  </dl>`;
}

function findings(checked: Checked | EvenkeelError | null): Html {
  if (checked === null) return html`<p class="dim">There is no SQL to ask about.</p>`;
  if (checked instanceof EvenkeelError) return refused(checked);
  const told = checked.findings.filter(({ ignored }) => ignored === null);
  const rest = [
    ...checked.unread.map(why => `Not asked: ${why}`),
    ...checked.unused.map(name => `Not relied on, because not validated or not enforced: ${name}`),
  ];
  return html`${
    told.length === 0
      ? html`<p>No condition is dead, always true, misspelt or blind to NULL.</p>`
      : html`<ul class="plain cards">
          ${told.map(finding)}
        </ul>`
  }${rest.map(line => html`<p class="dim">${text(line, 400)}</p>`)}`;
}

function finding({ rule, name, severity, message, fragment, by, witness, fix }: Placed): Html {
  const tones = { error: 'bad', warning: 'warn', info: 'calm', undecided: 'calm' } as const;
  return html`<li class="card">
    <div class="line">${badge(severity, tones[severity])} <strong>${rule} ${name}</strong></div>
    <p><code>${text(fragment, 400)}</code></p>
    <p>${text(message, 600)}</p>
    ${by.map(ground => html`<p class="dim">by ${text(ground, 300)}</p>`)}
    ${witness ? html`<p class="dim">for example ${Object.entries(witness).map(([column, value], i) => `${i > 0 ? ', ' : ''}${text(column, 63)} = ${value === null ? 'NULL' : text(value, 60)}`)}</p>` : ''}
    ${fix === null ? '' : html`<p>Fix: ${text(fix, 400)}</p>`}
  </li>`;
}

const refused = ({ code, message }: EvenkeelError): Html =>
  html`<p>${badge(code, 'bad')} ${text(message, 400)}</p>`;

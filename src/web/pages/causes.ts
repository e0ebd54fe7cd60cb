import { breakers } from '../../journal/breakers.ts';
import { count, grouped } from '../../show/text.ts';
import { type Html, ago, html, path, text } from '../html.ts';
import type { Ground, Page } from '../page.ts';

/** Healers must not hide the bug upstream: what breaks things most. */
export async function causesPage({ pool }: Ground): Promise<Page> {
  const { of, known, since, statements, roles, transactions } = await breakers(pool);
  const now = new Date();
  const names = (all: readonly string[]): Html =>
    html`${all.slice(0, 6).map((name, i) => html`${i > 0 ? ', ' : ''}<a href="${path('invariants', name)}">${name}</a>`)}${all.length > 6 ? ` and ${all.length - 6} more` : ''}`;
  const body = html`<h1>Who broke it</h1>
    <p class="lead">
      ${of === 0 ? 'Nothing was broken yet.' : html`Of the last ${count(of, 'violation')}${since ? html`, since ${ago(since, now)}` : ''}, the cause of ${grouped(known)} is known. Roles and applications are known to triggers only.`}
    </p>
    <section id="statements">
      <h2>Statements</h2>
      ${
        statements.length === 0
          ? html`<p class="dim">None is known.</p>`
          : html`<table class="list stack">
              <thead>
                <tr>
                  <th scope="col">Statement</th>
                  <th scope="col">Breaks</th>
                  <th scope="col" class="n">Violations</th>
                </tr>
              </thead>
              <tbody>
                ${statements.map(
                  one =>
                    html`<tr>
                      <th scope="row">${one.operation} of ${text(one.table, 120)}</th>
                      <td data-label="Breaks">${names(one.invariants)}</td>
                      <td data-label="Violations" class="n">${grouped(one.violations)}</td>
                    </tr>`,
                )}
              </tbody>
            </table>`
      }
    </section>
    ${
      roles.length === 0
        ? ''
        : html`<section id="roles">
            <h2>Roles and applications</h2>
            <table class="list stack">
              <thead>
                <tr>
                  <th scope="col">Role</th>
                  <th scope="col">Application</th>
                  <th scope="col" class="n">Violations</th>
                </tr>
              </thead>
              <tbody>
                ${roles.map(
                  one =>
                    html`<tr>
                      <th scope="row">${text(one.role, 80)}</th>
                      <td data-label="Application">${text(one.application, 80)}</td>
                      <td data-label="Violations" class="n">${grouped(one.violations)}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </section>`
    }
    <section id="transactions">
      <h2>Transactions</h2>
      ${
        transactions.length === 0
          ? html`<p class="dim">None is known.</p>`
          : html`<table class="list stack">
              <thead>
                <tr>
                  <th scope="col">Transaction</th>
                  <th scope="col">When</th>
                  <th scope="col">Statement</th>
                  <th scope="col">Broke</th>
                  <th scope="col" class="n">Violations</th>
                </tr>
              </thead>
              <tbody>
                ${transactions.map(
                  one =>
                    html`<tr>
                      <th scope="row">${one.xid}</th>
                      <td data-label="When">${ago(one.at, now)}</td>
                      <td data-label="Statement">
                        ${one.operation} of
                        ${text(one.table, 80)}${one.role === null ? '' : ` by ${text(one.role, 60)}`}
                      </td>
                      <td data-label="Broke">${names(one.invariants)}</td>
                      <td data-label="Violations" class="n">${grouped(one.violations)}</td>
                    </tr>`,
                )}
              </tbody>
            </table>`
      }
    </section>`;
  return { title: 'Causes', body, place: '/causes', live: true };
}

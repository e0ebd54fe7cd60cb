import type { Pool } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import type { Mask } from '../show/values.ts';
import type { Viewer } from './access.ts';
import { type Html, html } from './html.ts';
import type { Reasoning } from './reasoning.ts';
import type { Recent } from './recent.ts';

/** What pages are made from. */
export interface Ground {
  readonly pool: Pool;
  readonly mask: Mask;
  /** As this process carries them. */
  readonly invariants: readonly Invariant[];
  readonly reasoning: Reasoning;
  readonly recent: Recent;
  /** What stands beside the watched database, for the demo; undefined: nothing. */
  readonly beside: (() => Beside) | undefined;
}

/** Two counts of what is wrong: with Evenkeel, and in the same without it. */
export interface Beside {
  readonly with: number;
  readonly without: number;
  /** Over time, oldest first. */
  readonly history: readonly { readonly with: number; readonly without: number }[];
}

/** One request for a page. */
export interface Asked {
  readonly query: URLSearchParams;
  /** The viewer may decide. */
  readonly decides: boolean;
  /** Goes into every form that decides. */
  readonly csrf: Html;
}

export interface Page {
  readonly title: string;
  readonly body: Html;
  /** The path of the entry in the navigation. */
  readonly place?: string;
  /** It changes by itself: the browser asks for it again. */
  readonly live?: boolean;
  readonly status?: 200 | 400 | 401 | 403 | 404 | 500 | 503;
}

/** Stand in the cached page where the viewer's own go. Nobody can guess them, so no value of a row can be one. */
export interface Marks {
  readonly csrf: string;
  readonly who: string;
}

const places = [
  ['/', 'Overview'],
  ['/waiting', 'Waiting'],
  ['/journal', 'Journal'],
  ['/causes', 'Causes'],
  ['/limits', 'Limits'],
] as const;

export function layout(page: Page, marks: Marks, role: Viewer['role'] | undefined, signedIn: boolean): Html {
  const { title, body, place, live } = page;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · Evenkeel</title>
        <link rel="stylesheet" href="/style.css" />
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
        ${live ? html`<script src="/live.js" defer></script>` : ''}
      </head>
      <body>
        <a class="skip" href="#main">To the content</a>
        <header>
          <a class="brand" href="/"
            ><svg viewBox="0 0 20 20" aria-hidden="true"><path d="M10 2v12M3 14h14l-3 4H6z" /></svg
            >evenkeel</a
          >
          ${
            role === undefined
              ? ''
              : html`<nav aria-label="Pages">
                  <ul>
                    ${places.map(
                      ([to, name]) =>
                        html`<li>
                          <a href="${to}" ${to === place ? html` aria-current="page"` : ''}>${name}</a>
                        </li>`,
                    )}
                  </ul>
                </nav>`
          }
          ${live ? html`<span class="live" id="live" hidden>live</span>` : ''}
          ${
            signedIn
              ? html`<form class="who" method="post" action="/sign-out">
                  ${csrf(marks)}<span>${marks.who}${role === 'reader' ? ', may look' : ''}</span>
                  <button class="quiet">Sign out</button>
                </form>`
              : ''
          }
        </header>
        <main id="main" tabindex="-1">${body}</main>
      </body>
    </html>`;
}

export const csrf = ({ csrf }: Pick<Marks, 'csrf'>): Html =>
  html`<input type="hidden" name="csrf" value="${csrf}" />`;

import { html, text } from '../html.ts';
import type { Page } from '../page.ts';

/** @param to where it goes on */
export function signInPage(to: string, wrong: string | undefined): Page {
  return {
    title: 'Sign in',
    status: wrong === undefined ? 200 : 401,
    body: html`<section class="sign-in">
      <h1>Sign in</h1>
      ${wrong === undefined ? '' : html`<p class="warn" role="alert">${text(wrong)}</p>`}
      <form method="post" action="/sign-in">
        <input type="hidden" name="to" value="${to}" />
        <label
          >Token <input name="token" type="password" required autocomplete="current-password" autofocus
        /></label>
        <label>Your name, for the journal <input name="who" maxlength="60" autocomplete="username" /></label>
        <button>Sign in</button>
      </form>
      <p class="dim">
        The token is what EVENKEEL_TOKEN is set to; with EVENKEEL_READ_TOKEN one may look and not decide.
      </p>
    </section>`,
  };
}

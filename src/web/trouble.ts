import { isDown, sqlState } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import { span } from '../show/time.ts';
import { html, stamp, text } from './html.ts';
import type { Page } from './page.ts';

/** A filter or a form that can't be what somebody meant. */
export class BadRequest extends Error {}
export class NotFound extends Error {}

/** Since when the database can't be reached, as far as pages and metrics have noticed. */
export class Outage {
  #since: Date | undefined;

  reached(): void {
    this.#since = undefined;
  }

  noticed(): Date {
    return (this.#since ??= new Date());
  }
}

/** The page that says what is wrong; undefined: a bug. Never with the values of rows, or addresses with passwords. */
export function trouble(error: unknown, outage: Outage): Page | undefined {
  if (error instanceof BadRequest) return sorry(400, 'That is not a question', error.message);
  if (error instanceof NotFound) return sorry(404, 'There is no such page', error.message);
  if (error instanceof EvenkeelError && error.code === 'no-such')
    return sorry(404, 'There is no such thing', error.message);
  if (isDown(error)) {
    const since = outage.noticed();
    return {
      title: 'The database is gone',
      status: 503,
      live: true,
      body: html`<section id="trouble" class="trouble bad">
        <h1>The database can't be reached</h1>
        <p>
          Since ${stamp(since)}, for ${span(Date.now() - since.getTime())} now. This page comes back by
          itself.
        </p>
      </section>`,
    };
  }
  const state = sqlState(error);
  if (state === '57014')
    return sorry(
      503,
      'That takes too long',
      'The database was asked, and stopped: it may be busy. Ask for less, or later.',
    );
  if (state === '3F000' || (state === '42P01' && /evenkeel\./.test((error as Error).message))) {
    return {
      title: 'Not installed yet',
      status: 503,
      live: true,
      body: html`<section id="trouble" class="trouble">
        <h1>Nothing to see yet</h1>
        <p>
          The schema <code>evenkeel</code> is not installed in this database: the first
          <code>evenkeel up</code> brings it. This page comes back by itself.
        </p>
      </section>`,
    };
  }
  return undefined;
}

/** @param why in words; may hold what somebody sent */
export function sorry(status: 400 | 401 | 403 | 404 | 500 | 503, title: string, why: string): Page {
  return {
    title,
    status,
    body: html`<section class="trouble">
      <h1>${title}</h1>
      <p>${text(why, 400)}</p>
      <p><a href="/">Overview</a></p>
    </section>`,
  };
}

/** The dashboard on a test's database: real requests to a real server on a free port. */
import { request } from 'node:http';
import { onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { type Web, openWeb } from '../../src/web/server.ts';
import type { FreshDatabase } from '../support/database.ts';
import type { Keel } from '../support/keel.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Served {
  readonly url: string;
  /** Headers may be any, `host` too. */
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** As a browser sends a form of ours; `csrf` is read from the page before. */
  post(
    path: string,
    fields: Record<string, string | readonly string[]>,
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

export async function serve(
  db: Pick<FreshDatabase, 'url'>,
  invariants: Keel['invariants'],
  env: Record<string, string> = {},
): Promise<Served> {
  const config = readConfig({
    DATABASE_URL: db.url,
    EVENKEEL_LOG: 'quiet',
    EVENKEEL_WEB: '127.0.0.1:0',
    ...env,
  });
  const web: Web = await openWeb({ config, url: db.url, invariants, log: createLog('quiet') });
  onTestFinished(() => web.stop());
  const url = web.url ?? '';
  const own = invariants[0] ? `/invariants/${invariants[0].name}` : '/waiting';
  const get: Served['get'] = (path, headers = {}) =>
    ask(`${url}${path}`, 'GET', { accept: 'text/html', ...headers }, '');
  return {
    url,
    get,
    async post(path, fields, headers = {}) {
      const page = await get(own, headers['cookie'] === undefined ? {} : { cookie: headers['cookie'] });
      const [, csrf = ''] = /name="csrf" value="([^"]*)"/.exec(page.body) ?? [];
      const form = new URLSearchParams();
      for (const [name, value] of Object.entries({ csrf, ...fields }))
        for (const one of typeof value === 'string' ? [value] : value) form.append(name, one);
      return ask(
        `${url}${path}`,
        'POST',
        {
          'content-type': 'application/x-www-form-urlencoded',
          origin: url,
          'sec-fetch-site': 'same-origin',
          ...headers,
        },
        form.toString(),
      );
    },
  };
}

function ask(url: string, method: string, headers: Record<string, string>, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

import { randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { streamSSE } from 'hono/streaming';
import type { Log } from '../log.ts';
import { type Pool, describe } from '../db/pool.ts';
import { type Access, type Viewer, isForeign, isOwn, isPassedOn, isSame } from './access.ts';
import { type Act, acts } from './actions.ts';
import { readAssets } from './assets.ts';
import { Guesses } from './guesses.ts';
import { escaped } from './html.ts';
import type { Event, Live } from './live.ts';
import type { Measures } from './metrics.ts';
import { type Asked, type Ground, type Page, csrf, layout } from './page.ts';
import { pages } from './pages/index.ts';
import { signInPage } from './pages/sign-in.ts';
import { NotFound, Outage, sorry, trouble } from './trouble.ts';

interface Parts {
  readonly ground: Ground;
  /** For decisions, which write, and may take long. */
  readonly deciding: Pool;
  readonly access: Access;
  readonly live: Live;
  readonly measures: Measures;
  readonly log: Log;
  /** The name of the session's cookie: browsers share them between the ports of a machine. */
  readonly cookie: () => string;
}

type Env = { Variables: { viewer: Viewer } };

const policy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Every request in order: headers, the name of the host, what is for everybody, who it is, then pages, or a decision. */
export function createApp({ ground, deciding, access, live, measures, log, cookie }: Parts): Hono<Env> {
  const app = new Hono<Env>();
  const assets = readAssets();
  const outage = new Outage();
  const guesses = new Guesses();
  const marks = { csrf: randomUUID(), who: randomUUID() };

  app.use(async (c, next) => {
    await next();
    const headers = {
      'Content-Security-Policy': policy,
      'X-Content-Type-Options': 'nosniff',
      // Not 'no-referrer': browsers would name no origin with forms.
      'Referrer-Policy': 'same-origin',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
    };
    for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
    if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store');
  });

  app.use(async (c, next) => {
    const { headers } = c.req.raw;
    if (!access.knows(c.req.header('host')))
      return c.text('This server is not known under that name: see EVENKEEL_WEB_NAMES.\n', 403);
    if (isForeign(headers)) return c.text('Pages of other sites may not read this one.\n', 403);
    if (!access.asksForToken && isPassedOn(headers))
      return c.text(
        'Behind a proxy this needs EVENKEEL_TOKEN: everybody would be taken for its owner.\n',
        403,
      );
    return next();
  });

  app.get('/healthz', c => c.text('alive\n'));
  app.get('/readyz', async c => {
    const why = await measures.notReady();
    return why === undefined ? c.text('ready\n') : c.text(`${why}\n`, 503);
  });
  for (const [path, { type, body, tag }] of assets) {
    app.get(path, c => {
      const headers = { 'Content-Type': type, 'Cache-Control': 'no-cache', ETag: tag };
      return c.req.header('if-none-match') === tag ? c.body(null, 304, headers) : c.body(body, 200, headers);
    });
  }

  const atMost = (maxSize: number) =>
    bodyLimit({ maxSize, onError: c => c.text('That is too much.\n', 413) });
  app.use('/sign-in', atMost(4_096));
  app.use(atMost(1_000_000));

  app.get('/sign-in', c => show(c, signInPage(c.req.query('to') ?? '/', undefined), undefined));
  app.post('/sign-in', async c => {
    if (!isOwn(c.req.raw.headers)) return show(c, foreign(), undefined);
    const form = await formOf(c);
    const to = localPath(form.get('to') ?? '/');
    const who = (form.get('who') ?? '').replaceAll('\0', '').trim().slice(0, 60);
    if (who.toLowerCase() === 'evenkeel')
      return show(
        c,
        signInPage(to, 'That is the name of what decides by itself: choose another.'),
        undefined,
      );
    const token = form.get('token') ?? '';
    const session = await guesses.try(() => access.signIn(token, who === '' ? 'somebody' : who));
    if (session === 'busy') return tooMany(c);
    if (session === undefined) {
      log.warn('dashboard: a wrong token was given');
      return show(c, signInPage(to, 'That token is not known here.'), undefined);
    }
    const secure = c.req.header('x-forwarded-proto') === 'https';
    setCookie(c, cookie(), session, {
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      secure,
      maxAge: 30 * 86_400,
    });
    return c.redirect(to, 303);
  });

  app.use(async (c, next) => {
    const bearer = /^Bearer (\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    const asks = bearer !== undefined && access.asksForToken;
    const known = asks ? await guesses.try(() => access.bearer(bearer)) : undefined;
    if (known === 'busy') return tooMany(c);
    const viewer = known ?? access.viewer(getCookie(c, cookie()));
    if (viewer) {
      c.set('viewer', viewer);
      return next();
    }
    if (c.req.method === 'GET' && c.req.header('accept')?.includes('text/html')) {
      const { pathname, search } = new URL(c.req.url);
      return c.redirect(`/sign-in?to=${encodeURIComponent(pathname + search)}`, 303);
    }
    return c.text('A token is needed.\n', 401);
  });

  app.get('/metrics', async c => c.body(await measures.read(), 200, { 'Content-Type': measures.type }));

  app.get('/live', c => {
    // Nobody would ever read the events, nor close it.
    if (c.req.method !== 'GET') return c.body(null, 204);
    return streamSSE(c, async stream => {
      let end: () => void = () => undefined;
      const over = new Promise<void>(resolve => (end = resolve));
      let waits = false;
      // One is enough for whoever reads slowly: each only says to look again.
      const send = (event: Exclude<Event, 'end'> | 'hello') => {
        if (waits) return;
        waits = true;
        stream.writeSSE({ event, data: '' }).then(() => (waits = false), end);
      };
      const leave = live.subscribe(event => (event === 'end' ? end() : send(event)));
      if (!leave) return;
      stream.onAbort(end);
      send('hello');
      await over;
      leave();
    });
  });

  for (const [path, make] of Object.entries(pages)) {
    app.get(path, async c => {
      const viewer = c.get('viewer');
      const { searchParams, pathname, search } = new URL(c.req.url);
      const asked: Asked = { query: searchParams, decides: viewer.role === 'owner', csrf: csrf(marks) };
      // Troubles are pages, too: a thousand reloads knock once a second.
      const { body, status } = await live.page(`${viewer.role} ${pathname}${search}`, async () => {
        const page = await answered(() => make(ground, asked, paramsOf(c)));
        return { body: await drawn(page, viewer.role), status: page.status ?? 200 };
      });
      return c.html(own(body, viewer), status);
    });
  }

  for (const [path, act] of Object.entries(acts)) app.post(path, c => decide(c, act));

  app.post('/sign-out', async c => {
    const refused = refusal(c, await formOf(c));
    if (refused) return show(c, refused, c.get('viewer'));
    deleteCookie(c, cookie(), { path: '/' });
    return c.redirect('/', 303);
  });

  app.notFound(c =>
    show(c, sorry(404, 'There is no such page', new URL(c.req.url).pathname), c.get('viewer')),
  );
  app.onError((error, c) => show(c, broken(error), c.get('viewer')));
  return app;

  /** Why a form is not taken: it comes from elsewhere, or from a page of another session. */
  function refusal(c: Context<Env>, form: URLSearchParams): Page | undefined {
    if (!isOwn(c.req.raw.headers)) return foreign();
    if (isSame(form.get('csrf') ?? '', c.get('viewer').csrf)) return undefined;
    return sorry(403, 'This page is out of date', 'Load it again, and decide then: nothing was done.');
  }

  async function decide(c: Context<Env>, act: Act): Promise<Response> {
    const viewer = c.get('viewer');
    const form = await formOf(c);
    const refused =
      refusal(c, form) ??
      (viewer.role === 'owner'
        ? undefined
        : sorry(403, 'You may look', 'This token is for reading: nothing was done.'));
    if (refused) return show(c, refused, viewer);
    const asked: Asked = { query: form, decides: true, csrf: csrf(marks) };
    let to: string | undefined;
    const page = await answered(async () => {
      const done = await act({ ...ground, pool: deciding }, asked, paramsOf(c), viewer.who);
      if (typeof done === 'string') to = done;
      return typeof done === 'string' ? sorry(404, '', '') : done;
    });
    ground.recent.forget();
    live.forget();
    return to === undefined ? show(c, page, viewer) : c.redirect(to, 303);
  }

  /** What a page, or a decision, has to say; troubles are pages, too. */
  async function answered(make: () => Promise<Page>): Promise<Page> {
    try {
      const page = await make();
      outage.reached();
      return page;
    } catch (error) {
      return broken(error);
    }
  }

  function broken(error: unknown): Page {
    const page = trouble(error, outage);
    if (page) return page;
    log.error(`dashboard: ${describe(error)}`);
    return sorry(500, 'That is a fault in Evenkeel', 'The log says more. Nothing was left half done.');
  }

  async function drawn(page: Page, role: Viewer['role'] | undefined): Promise<string> {
    return String(await layout(page, marks, role, role !== undefined && access.asksForToken));
  }

  /** A page is made for all; here the viewer's own goes in. */
  function own(body: string, viewer: Viewer | undefined): string {
    const who = escaped(viewer?.who ?? '');
    return body.replaceAll(marks.csrf, () => viewer?.csrf ?? '').replaceAll(marks.who, () => who);
  }

  async function show(c: Context<Env>, page: Page, viewer: Viewer | undefined): Promise<Response> {
    return c.html(own(await drawn(page, viewer?.role), viewer), page.status ?? 200);
  }
}

const foreign = () =>
  sorry(
    403,
    'That came from elsewhere',
    'Decisions are taken only from pages of this server: nothing was done.',
  );

async function formOf(c: Context): Promise<URLSearchParams> {
  return new URLSearchParams(await c.req.text());
}

/** Never to another site. */
const localPath = (to: string): string => (/^\/(?![/\\])[\x21-\x7e]*$/.test(to) ? to : '/');

/** @throws NotFound where it can be the name of nothing */
function paramsOf(c: Context): Record<string, string> {
  const params = c.req.param() as Record<string, string>;
  if (Object.values(params).some(value => value.includes('\0')))
    throw new NotFound('No text has that character in Postgres.');
  return params;
}

const tooMany = (c: Context): Response =>
  c.text('Too many guess at the token just now: try again in some seconds.\n', 429);

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config.ts';
import { EvenkeelError } from '../errors.ts';
import { account } from '../show/account.ts';

/**
 * Who may see and who may decide.
 *
 * Without EVENKEEL_TOKEN everybody on this machine may, and nobody else: the server listens on a loopback address, and requests
 * that a browser sends under a foreign name (DNS rebinding) or from a foreign page (cross-site forgery) are refused. With it, who knows
 * the token gets a cookie that is signed with it, so that it holds for every process and ends when the token is changed.
 */
export interface Viewer {
  readonly role: 'owner' | 'reader';
  /** For the journal. */
  readonly who: string;
  /** Goes with every form that decides. */
  readonly csrf: string;
}

const dayMs = 86_400_000;

export class Access {
  readonly #config: Config;
  readonly #names: ReadonlySet<string>;
  readonly #key: Buffer;

  /** @throws no-token */
  constructor(config: Config, host: string) {
    if (config.token === undefined && !isLoopback(host)) {
      throw new EvenkeelError(
        'no-token',
        `${host} can be reached from other machines, and EVENKEEL_TOKEN is not set`,
      );
    }
    this.#config = config;
    this.#names = new Set([
      'localhost',
      host,
      ...(config.token === undefined ? [] : [hostname().toLowerCase()]),
      ...config.webNames,
    ]);
    const { token, readToken = '' } = config;
    this.#key = token === undefined ? randomBytes(32) : sign(Buffer.from(token), `session ${readToken}`);
  }

  get asksForToken(): boolean {
    return this.#config.token !== undefined;
  }

  /** Whether a `Host` header names this server. An address is no name that somebody else could point here. */
  knows(header: string | undefined): boolean {
    const name = /^(\[[0-9a-f:.]+\]|[^:]+)(:\d+)?$/i.exec(header ?? '')?.[1]?.toLowerCase();
    if (name === undefined) return false;
    if (this.#names.has(name.replace(/^\[|\]$/g, ''))) return true;
    if (!/^(\[[0-9a-f:.]+\]|\d{1,3}(\.\d{1,3}){3})$/.test(name)) return false;
    return this.asksForToken || isLoopback(name.replace(/^\[|\]$/g, ''));
  }

  /** Who comes with `Authorization: Bearer …`, which can see but not decide. */
  bearer(token: string): Viewer | undefined {
    return this.#roleOf(token) && { role: 'reader', who: 'bearer', csrf: '' };
  }

  /** Who comes with this cookie. */
  viewer(cookie: string | undefined): Viewer | undefined {
    if (!this.asksForToken) return { role: 'owner', who: account(), csrf: this.#csrf('') };
    const [body = '', mark = ''] = cookie?.split('.') ?? [];
    if (!isSame(mark, this.#mark(body))) return undefined;
    const { role, who, until } = JSON.parse(Buffer.from(body, 'base64url').toString()) as Session;
    return until > Date.now() ? { role, who, csrf: this.#csrf(body) } : undefined;
  }

  /** The cookie of whoever knows a token; undefined: it is wrong. */
  signIn(token: string, who: string): string | undefined {
    const role = this.#roleOf(token);
    if (!role) return undefined;
    const session: Session = { role, who, until: Date.now() + 30 * dayMs };
    const body = Buffer.from(JSON.stringify(session)).toString('base64url');
    return `${body}.${this.#mark(body)}`;
  }

  #roleOf(given: string): Viewer['role'] | undefined {
    const { token, readToken } = this.#config;
    // Both are compared, whichever it is.
    const owner = token !== undefined && isSame(given, token);
    const reader = readToken !== undefined && isSame(given, readToken);
    return owner ? 'owner' : reader ? 'reader' : undefined;
  }

  #mark(body: string): string {
    return sign(this.#key, `cookie ${body}`).toString('base64url');
  }

  #csrf(body: string): string {
    return sign(this.#key, `form ${body}`).toString('base64url');
  }
}

interface Session {
  readonly role: Viewer['role'];
  readonly who: string;
  readonly until: number;
}

const sign = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** In constant time, whatever their lengths. */
export function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** Whether a page of another site asks for it by a script or an image, as the browser says; following a link is no such thing. */
export function isForeign(headers: Headers): boolean {
  const site = headers.get('sec-fetch-site') ?? 'none';
  return site !== 'same-origin' && site !== 'none' && headers.get('sec-fetch-mode') !== 'navigate';
}

/** Whether a proxy passed it on: then it may come from anywhere. */
export const isPassedOn = (headers: Headers): boolean =>
  ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'via'].some(name => headers.has(name));

/**
 * Whether a request that decides comes from a page of ours, as the browser says. Browsers name the origin of every POST; what is
 * no browser has nobody's cookie.
 */
export function isOwn(headers: Headers): boolean {
  const site = headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin') return false;
  const origin = headers.get('origin');
  if (origin === null) return true;
  return URL.canParse(origin) && new URL(origin).host === headers.get('host');
}

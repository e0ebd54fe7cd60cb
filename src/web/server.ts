import type { Server } from 'node:http';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import type { Config } from '../config.ts';
import { createPool } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import type { Log } from '../log.ts';
import { Mask } from '../show/values.ts';
import { Access } from './access.ts';
import { createApp } from './app.ts';
import { Live } from './live.ts';
import { Measures } from './metrics.ts';
import type { Beside } from './page.ts';
import { Reasoning } from './reasoning.ts';
import { reading } from './reading.ts';
import { Recent } from './recent.ts';

export interface WebOptions {
  readonly config: Config;
  /** Of the database. */
  readonly url: string;
  /** As this process carries them: their SQL is shown. */
  readonly invariants: readonly Invariant[];
  readonly log: Log;
  readonly beside?: () => Beside;
}

export interface Web {
  /** Where it is served; undefined: it is not, or not yet. */
  readonly url: string | undefined;
  stop(): Promise<void>;
}

/** Connections of the dashboard, beside those of the engine: it must not take one from a heal. */
const connections = 4;
/** So many more for what must be told while all pages are slow: metrics, readiness, whether something changed. */
const aside = 2;
/** And for decisions. */
const deciders = 2;
/** An answer that doesn't come within this time never will. */
const patienceMs = 15_000;
/** Undoing many heals takes its time; what takes longer than this waits for somebody's lock. */
const decisionMs = 60_000;
/** More than that many at once are turned away. */
const mostConnections = 1_000;
/** Where it can't be served for now, it is tried again. */
const againMs = 5_000;
/** So many ports are tried after the one that is set. */
const ports = 20;

/**
 * Serves the dashboard and the metrics. All that it shows is in the database; it needs no engine in its process.
 * @throws no-token, bad-setting where the address is forbidden; where it only can't be had for now it is served later
 */
export async function openWeb({ config, url, invariants, log, beside }: WebOptions): Promise<Web> {
  if (!config.web) return { url: undefined, stop: async () => undefined };
  const { host, port } = config.web;
  const access = new Access(config, host);
  const pool = createPool(url, connections, patienceMs);
  const side = createPool(url, aside, patienceMs);
  const deciding = createPool(url, deciders, decisionMs);
  const live = new Live(side);
  const ground = {
    pool: reading(pool),
    mask: new Mask(config.secretColumns),
    invariants,
    reasoning: new Reasoning(pool, invariants),
    recent: new Recent(),
    beside,
  };
  let bound = port;
  const app = createApp({
    ground,
    deciding,
    access,
    live,
    measures: new Measures(side),
    log,
    cookie: () => `evenkeel-${bound}`,
  });
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  // Headers of a request that never ends hold nobody up.
  server.headersTimeout = 10_000;
  server.maxConnections = mostConnections;
  const over = new AbortController();
  const ways = { server, log, host, port, over: over.signal };
  let at: string | undefined;
  const serve = async () => {
    const found = await listen(ways);
    if (found === undefined) return;
    bound = found;
    if (port !== 0 && bound !== port) log.warn(`port ${port} is taken: the dashboard is on ${bound}`);
    at = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
    log.info(`dashboard: ${at}`);
  };
  let trying: Promise<void> | undefined;
  try {
    await serve();
  } catch (error) {
    refuseForGood(error, host, port);
    // The engine has nothing to do with it, and doesn't wait.
    trying = again(serve, ways, error);
  }
  return {
    get url() {
      return at;
    },
    async stop() {
      over.abort();
      await trying;
      live.stop();
      server.close();
      server.closeAllConnections();
      // A database that doesn't answer keeps nobody from ending.
      const ended = Promise.all([pool, side, deciding].map(one => one.end()));
      await Promise.race([ended, delay(2_000, undefined, { ref: false })]);
    },
  };
}

interface Ways {
  readonly server: Server;
  readonly log: Log;
  readonly host: string;
  readonly port: number;
  readonly over: AbortSignal;
}

/** @throws bad-setting where trying again can't help */
function refuseForGood(error: unknown, host: string, port: number): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EINVAL') return;
  throw new EvenkeelError(
    'bad-setting',
    `EVENKEEL_WEB=${host}:${port}: nothing can be served there (${code})`,
    {
      cause: error,
    },
  );
}

/** Tries until it is served: a name that isn't known yet, or an address that comes later, is nothing that lasts. */
async function again(
  serve: () => Promise<void>,
  { log, host, port, over }: Ways,
  first: unknown,
): Promise<void> {
  let error = first;
  let said: string | undefined;
  for (;;) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    if (code !== said) log.warn(`no dashboard on ${host}:${port} for now (${code}); trying again`);
    said = code;
    await delay(againMs, undefined, { signal: over, ref: false }).catch(() => undefined);
    if (over.aborted) return;
    try {
      return await serve();
    } catch (next) {
      error = next;
    }
  }
}

/** The port that was free; undefined: all are taken. */
async function listen({ server, log, host, port: first }: Ways): Promise<number | undefined> {
  for (let port = first; port <= first + ports && port <= 65_535; port++) {
    try {
      server.listen(port, host);
      await once(server, 'listening');
      server.on('error', error => log.warn(`dashboard: ${error.message}`));
      server.unref();
      return (server.address() as { port: number }).port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  log.warn(`no dashboard: ports ${first} to ${first + ports} of ${host} are taken`);
  return undefined;
}

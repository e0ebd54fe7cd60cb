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
  /** Where it is served; undefined: it is off. */
  readonly url: string | undefined;
  stop(): Promise<void>;
}

/** Connections of the dashboard, beside those of the engine: it must not take one from a heal. */
const connections = 4;
/** So many ports are tried after the one that is set. */
const ports = 20;

/**
 * Serves the dashboard and the metrics. All that it shows is in the database; it needs no engine in its process.
 * @throws no-token
 */
export async function openWeb({ config, url, invariants, log, beside }: WebOptions): Promise<Web> {
  if (!config.web) return { url: undefined, stop: async () => undefined };
  const { host, port } = config.web;
  const access = new Access(config, host);
  const pool = createPool(url, connections);
  const live = new Live(pool);
  const ground = {
    pool,
    mask: new Mask(config.secretColumns),
    invariants,
    reasoning: new Reasoning(pool, invariants),
    recent: new Recent(),
    beside,
  };
  let bound = port;
  const app = createApp({
    ground,
    access,
    live,
    measures: new Measures(pool),
    log,
    cookie: () => `evenkeel-${bound}`,
  });
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  // Headers of a request that never ends hold nobody up.
  server.headersTimeout = 10_000;
  const found = await listen(server, host, port);
  if (found === undefined) {
    log.warn(`no dashboard: ports ${port} to ${port + ports} of ${host} are taken`);
    await pool.end();
    return { url: undefined, stop: async () => undefined };
  }
  bound = found;
  if (port !== 0 && bound !== port) log.warn(`port ${port} is taken: the dashboard is on ${bound}`);
  const at = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  log.info(`dashboard: ${at}`);
  return {
    url: at,
    async stop() {
      live.stop();
      server.close();
      server.closeAllConnections();
      // A database that doesn't answer keeps nobody from ending.
      await Promise.race([pool.end(), delay(2_000, undefined, { ref: false })]);
    },
  };
}

/** The port that was free; undefined: none. @throws bad-setting where the address is none of this machine, or forbidden */
async function listen(server: Server, host: string, first: number): Promise<number | undefined> {
  for (let port = first; port <= first + ports && port <= 65_535; port++) {
    try {
      server.listen(port, host);
      await once(server, 'listening');
      server.unref();
      return (server.address() as { port: number }).port;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE') continue;
      throw new EvenkeelError(
        'bad-setting',
        `EVENKEEL_WEB=${host}:${port}: nothing can be served there (${code})`,
        { cause: error },
      );
    }
  }
  return undefined;
}

/** The dashboard over the watched shop, with the other one beside it. Served by the show: any of its workers may be killed. */
import { readConfig } from '../src/config.ts';
import { loadInvariants } from '../src/load.ts';
import { createLog } from '../src/log.ts';
import { type Beside } from '../src/web/page.ts';
import { type Web, openWeb } from '../src/web/server.ts';

export async function openDashboard(url: string, folder: string, beside: () => Beside): Promise<Web> {
  const { invariants } = await loadInvariants(folder);
  // Of the user's own settings only where to serve it, and to whom: the database is the demo's.
  const { EVENKEEL_WEB, EVENKEEL_WEB_NAMES, EVENKEEL_TOKEN, EVENKEEL_READ_TOKEN } = process.env;
  const config = readConfig({
    DATABASE_URL: url,
    EVENKEEL_LOG: 'quiet',
    EVENKEEL_WEB,
    EVENKEEL_WEB_NAMES,
    EVENKEEL_TOKEN,
    EVENKEEL_READ_TOKEN,
  });
  return openWeb({ config, url, invariants, log: createLog(config.log), beside });
}

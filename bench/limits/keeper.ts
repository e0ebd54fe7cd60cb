/** A process as `up` is one, over violations that wait for an upstream; it tells its resident memory. */
import { readConfig } from '../../src/config.ts';
import { call } from '../../src/declare/call.ts';
import { invariant } from '../../src/declare/invariant.ts';
import { limit } from '../../src/declare/limit.ts';
import { set } from '../../src/declare/remedy.ts';
import { sql } from '../../src/declare/sql.ts';
import { createEngine } from '../../src/engine.ts';
import { createLog } from '../../src/log.ts';
import { keepSmall } from '../../src/memory.ts';
import { task } from './process.ts';

keepSmall();
const { database, upstream, rate } = task();
const plan = invariant('plan', {
  says: 'A plan is known',
  on: 'subs',
  broken: sql`select id, note from subs where plan is null`,
  heal: call(limit('billing', { rate: `${rate}/s` }), async (_, { fetch }) => {
    await (await fetch(upstream, { method: 'POST' })).json();
    return set({ plan: 'x' });
  }),
  mode: 'heal',
  guard: 'none',
  grace: '0s',
});
const config = readConfig({ DATABASE_URL: database, EVENKEEL_LOG: 'quiet', EVENKEEL_CAPTURE: 'sweeps' });
const engine = await createEngine(config, database, [plan], createLog('quiet'));
engine.start();
process.on('message', () => process.send?.(process.memoryUsage.rss()));
process.send?.('ready');

import { setTimeout as delay } from 'node:timers/promises';
import { createPool, isDown } from '../db/pool.ts';
import { type Engine, createEngine } from '../engine.ts';
import type { EvenkeelError } from '../errors.ts';
import { type Loaded, loadInvariants } from '../load.ts';
import type { Log } from '../log.ts';
import type { Call } from './commands.ts';
import { requireUrl, withPool } from './database.ts';
import { translate } from './fail.ts';
import { cliLog } from './log.ts';

/** `evenkeel up`: everything, until it is told to stop. */
export async function run(call: Call): Promise<0 | 1> {
  const { config } = call;
  const url = requireUrl(config);
  const log = cliLog(config.log);
  const loaded = await loadInvariants(config.invariants);
  for (const path of loaded.passedOver) log.info(`${path} declares no invariant: passed over`);
  const told = stopSignal(log);
  const engine = await reach(call, url, loaded, log, told.signal);
  if (!engine) return 0;
  return call.given.once ? once(call, engine, told.signal) : forever(engine, loaded, log, told);
}

/** Waits for a database that is down, however long; undefined: told to stop meanwhile. */
async function reach(
  call: Call,
  url: string,
  loaded: Loaded,
  log: Log,
  stop: AbortSignal,
): Promise<Engine | undefined> {
  let said: string | undefined;
  while (!stop.aborted) {
    try {
      await knock(url);
      const engine = await createEngine(call.config, url, loaded.invariants, log);
      if (said !== undefined) log.info('the database is there');
      return engine;
    } catch (error) {
      if (!isDown(error)) throw error;
      const { message } = translate(error, url) as EvenkeelError;
      if (said !== message) log.warn(`${message}; waiting for it`);
      said = message;
    }
    await delay(500, undefined, { signal: stop }).catch(() => undefined);
  }
  return undefined;
}

/** One connection and back, so that an engine is only built on a server that answers. */
async function knock(url: string): Promise<void> {
  const pool = createPool(url, 1);
  try {
    await pool.query('select');
  } finally {
    await pool.end();
  }
}

async function forever(engine: Engine, loaded: Loaded, log: Log, told: AbortController): Promise<0> {
  engine.start();
  log.info(`keeping ${loaded.invariants.length} invariants`);
  await new Promise<void>(resolve => {
    if (told.signal.aborted) resolve();
    told.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await engine.stop();
  log.info('stopped');
  return 0;
}

/** One full pass. 0 only if nothing is left to do and every invariant could be asked. */
async function once(call: Call, engine: Engine, stop: AbortSignal): Promise<0 | 1> {
  const failed = [...engine.bindings.failed.keys()];
  stop.addEventListener('abort', () => void engine.stop(), { once: true });
  try {
    await engine.once();
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  const counts = await withPool(call.config, async pool => {
    const { rows } = await pool.query<{ open: number; parked: number; failed: number }>(
      `select (select count(*) from evenkeel.violation where state in ('open', 'approved'))::int as open,
              (select count(*) from evenkeel.violation where state = 'parked')::int as parked,
              (select count(*) from evenkeel.invariant where retired_at is null and failed_at is not null)::int as failed`,
    );
    return rows[0] ?? { open: 0, parked: 0, failed: 0 };
  });
  const broken = Math.max(counts.failed, failed.length);
  if (call.out.json) call.out.value({ ...counts, failed: broken });
  else call.out.line(`open ${counts.open} · parked ${counts.parked} · invariants that failed ${broken}`);
  return stop.aborted || counts.open + counts.parked + broken > 0 ? 1 : 0;
}

/** The first SIGTERM or SIGINT asks to end; the second doesn't ask. */
function stopSignal(log: Log): AbortController {
  const told = new AbortController();
  const stop = () => {
    if (told.signal.aborted) process.exit(1);
    told.abort();
    log.info('stopping: ending what is under way; once more to stop at once');
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return told;
}

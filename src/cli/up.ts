import { setTimeout as delay } from 'node:timers/promises';
import { createPool, isDown } from '../db/pool.ts';
import { type Engine, createEngine } from '../engine.ts';
import type { EvenkeelError } from '../errors.ts';
import { type Standing, isFine, overview } from '../find/overview.ts';
import { type Loaded, loadInvariants } from '../load.ts';
import type { Log } from '../log.ts';
import { keepSmall } from '../memory.ts';
import type { Call } from './commands.ts';
import { requireUrl, withPool } from './database.ts';
import { translate } from '../db/translate.ts';
import { cliLog } from './log.ts';
import { Meter } from './meter.ts';
import { watch } from './progress.ts';
import { count } from '../show/text.ts';
import { wrap } from './text.ts';

/** `evenkeel up`: everything, until it is told to stop. */
export async function run(call: Call): Promise<0 | 1> {
  keepSmall();
  const { config } = call;
  const url = requireUrl(config);
  const meter = new Meter();
  const log = cliLog(config.log, meter);
  const loaded = await loadInvariants(config.invariants);
  for (const path of loaded.passedOver) log.info(`${path} declares no invariant: passed over`);
  const stop = stopSignal(log);
  // Before the database is reached: while it is waited for, the page says so.
  const web = call.given.once
    ? undefined
    : await call.openWeb({ config, url, invariants: loaded.invariants, log });
  try {
    return await keep({ ...call, url, loaded, log, meter, stop });
  } finally {
    await web?.stop();
  }
}

interface Keeping extends Call {
  readonly url: string;
  readonly loaded: Loaded;
  readonly log: Log;
  readonly meter: Meter;
  readonly stop: AbortSignal;
}

async function keep({ url, loaded, log, meter, stop, ...call }: Keeping): Promise<0 | 1> {
  const { config } = call;
  const engine = await reach(call, url, loaded, log, stop);
  if (!engine) return 0;
  log.info(
    `keeping ${count(loaded.invariants.length, 'invariant')}${config.mode === 'observe' ? '; observing only' : ''}`,
  );
  // Its own signal: when the work is over, so is the meter.
  const over = new AbortController();
  const watching = config.log === 'quiet' ? undefined : watch(url, meter, over.signal);
  const work = call.given.once ? once(engine, stop) : forever(engine, stop);
  await work.finally(() => over.abort());
  await watching;
  if (call.given.once) return sayHowItIs(call, engine, stop);
  log.info('stopped');
  return 0;
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

async function forever(engine: Engine, stop: AbortSignal): Promise<void> {
  engine.start();
  await new Promise<void>(resolve => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve(), { once: true });
  });
  await engine.stop();
}

/** One full pass; told to stop, it ends after what is under way. */
async function once(engine: Engine, stop: AbortSignal): Promise<void> {
  // The pass notices that everything is closed; closing twice is no error of ours.
  stop.addEventListener('abort', () => void engine.stop().catch(() => undefined), { once: true });
  try {
    await engine.once();
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}

/** What a pass left. 0 only if nothing is left to do and every invariant could be asked. */
async function sayHowItIs({ config, out }: Call, engine: Engine, stop: AbortSignal): Promise<0 | 1> {
  const { invariants } = await withPool(config, pool => overview(pool));
  const sum = (of: (one: Standing) => number) => invariants.reduce((n, one) => n + of(one), 0);
  const named = (state: Standing['state']) =>
    invariants.filter(one => one.state === state).map(({ name }) => name);
  const result = {
    healed: sum(({ hour }) => hour.healed),
    open: sum(one => one.open + one.approved),
    parked: sum(({ parked }) => parked),
    held: named('held'),
    failed: [...new Set([...engine.bindings.failed.keys(), ...named('failed')])],
    stopped: stop.aborted,
  };
  if (out.json) out.value(result);
  else for (const text of words(result)) for (const line of wrap(text, out.columns)) out.line(line);
  return stop.aborted || result.failed.length > 0 || !invariants.every(isFine) ? 1 : 0;
}

interface Result {
  healed: number;
  open: number;
  parked: number;
  held: string[];
  failed: string[];
}

function words({ healed, open, parked, held, failed }: Result): string[] {
  return [
    `open ${open} · parked ${parked} · healed within the hour ${healed}`,
    ...held.map(name => `${name} is held: \`evenkeel status ${name}\` says why`),
    ...failed.map(name => `${name} could not be asked: \`evenkeel try\` says why`),
    ...(open > 0
      ? ['What is open lasts its grace first, or is shown only: `evenkeel violations` says which.']
      : []),
  ];
}

/** The first SIGTERM or SIGINT asks to end; the second doesn't ask. */
function stopSignal(log: Log): AbortSignal {
  const told = new AbortController();
  const stop = () => {
    if (told.signal.aborted) process.exit(1);
    told.abort();
    log.info('stopping: ending what is under way; once more to stop at once');
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return told.signal;
}

import { randomUUID } from 'node:crypto';
import { raiseOverdue } from './alerts/overdue.ts';
import { sendAlerts } from './alerts/send.ts';
import type { Config } from './config.ts';
import { migrate } from './db/migrate.ts';
import { createPool, describe } from './db/pool.ts';
import type { Invariant } from './declare/invariant.ts';
import { limitBehind } from './declare/remedy.ts';
import { Callers } from './call/callers.ts';
import { createCourier } from './celery/courier.ts';
import { find } from './find/find.ts';
import { Finder } from './find/finder.ts';
import { recheck } from './find/recheck.ts';
import { askReported } from './find/reported.ts';
import { wardOf } from './heal/batch.ts';
import { Healers } from './heal/healers.ts';
import { expire } from './journal/expire.ts';
import { journal } from './journal/record.ts';
import { confirm } from './mirror/confirm.ts';
import { Refresher } from './mirror/refresher.ts';
import { Limits } from './limits/limits.ts';
import type { Log } from './log.ts';
import { Service } from './service.ts';
import { Bindings } from './roster/bindings.ts';
import { Gate } from './roster/gate.ts';
import { Refusals } from './roster/refusals.ts';
import { leave, retire, stand } from './roster/roster.ts';
import { chooseCapture } from './watch/capture/choose.ts';
import { Leader } from './watch/leader.ts';
import { Sweeper } from './watch/sweeper.ts';
import { Tracer } from './watch/tracer.ts';
import { Watcher } from './watch/watcher.ts';
import { version } from './version.ts';

/** Between two passes; ms. Where capture follows every change they are only the backstop. */
const sweepMs = 1_000;
const backstopMs = 15 * 60_000;
/** Suspects wake the finder; this is only in case. */
const idleMs = 1_000;

/**
 * The system on one page.
 *
 *   declare ──► watch ──► find ──► heal ──► journal
 *   invariant   suspect   violation  outcome   entry
 *
 * Every process binds its invariants to the database, tells that it lives, and heals what is due. One of them, the
 * holder of the lease `sweep`, follows every change and walks all rows: what it suspects is asked again and listed in the
 * ledger; healers claim from the ledger. They share nothing but the database.
 */
export interface Engine {
  readonly bindings: Bindings;
  /** One full pass over everything, then healing until nothing is due. `swept` is called between the two. */
  once(swept?: () => void): Promise<void>;
  start(): void;
  /** Ends what is under way, at most a heal; then everything is closed. */
  stop(): Promise<void>;
}

export async function createEngine(
  config: Config,
  url: string,
  invariants: readonly Invariant[],
  log: Log,
): Promise<Engine> {
  const pool = createPool(url, config.pool);
  // Always the same connection: what a backend reads for the first time it has to map, which costs more than looking does.
  const looking = createPool(url, 1);
  const replica = config.replicaUrl ? createPool(config.replicaUrl, 2) : undefined;
  const self = { id: randomUUID(), version };
  await migrate(pool);
  const bindings = new Bindings(pool, invariants, log);
  await bindings.refresh();
  // Before anything comes into force: nothing heals until it was asked about.
  const refusals = new Refusals(pool, log);
  await refusals.settle(bindings.all);
  const heartbeat = () =>
    bindings.standing(bounds => stand(pool, self, bounds, bindings.unbound, one => refusals.why(one)));
  await heartbeat();

  const limitMs = config.statementTimeoutMs;
  const ward = wardOf(pool, bindings, config, journal);
  const healers = new Healers(ward, bindings, config, log);
  const limits = new Limits(pool, config.directUrl ?? url, log);
  for (const one of invariants) await limits.declare(limitBehind(one));
  const callers = new Callers(
    ward,
    bindings,
    limits,
    invariants,
    (bound, source, keys, errand) => confirm(pool, bound, source, keys, errand),
    log,
  );
  const courier = await createCourier(ward, bindings, limits, invariants, config, log);
  const healing = [healers, callers, ...(courier ? [courier] : [])];
  const wake = () => healing.forEach(one => one.wake());
  const leader = new Leader(pool, self, log);
  const tracer = new Tracer(() => {
    // A pause between two rounds is meant; waiting for something to do is not.
    if (finder.idle) finding.wake();
  });
  const watcher = new Watcher({
    pool,
    bindings,
    leader,
    tracer,
    log,
    choose: plans => chooseCapture({ pool, url, config, log }, plans),
  });
  const finder = new Finder({
    pool: looking,
    tracer,
    log,
    limitMs,
    opened: wake,
    fail: (name, error) => bindings.fail(name, error),
  });
  const finding = new Service('find', idleMs, log, () => finder.round());
  const sweeper = new Sweeper({
    pool: replica ?? pool,
    primary: pool,
    bindings,
    leader,
    config,
    log,
    find: async (bound, keys, cause) => {
      const doubt = watcher.doubt(bound.name, keys);
      const { opened } = await find(pool, bound, keys, limitMs, cause);
      await doubt(opened);
      // It may have come right between the look and its commit: the finder, told of that, found nothing listed.
      if (opened.length > 0 && watcher.backs(bound.name)) await find(pool, bound, opened, limitMs, cause);
      if (opened.length > 0) wake();
    },
    // Where capture tells of every change, the sweep is the backstop.
    pause: ({ name, everyMs }) =>
      everyMs ?? config.sweepPauseMs ?? (watcher.backs(name) ? backstopMs : sweepMs),
    finish: (bound, since) => recheck(pool, bound, since, limitMs),
  });
  leader.taken = () => {
    watcher.wake();
    sweeper.wake();
  };
  const refresher = new Refresher({
    pool,
    bindings,
    invariants,
    limits,
    log,
    leads: () => leader.lease !== undefined,
    find: async (bound, keys) => {
      const { opened } = await find(pool, bound, keys, limitMs);
      if (opened.length > 0) wake();
    },
  });
  const gate = new Gate(pool, url, config, log, () => healing.forEach(one => one.start()));

  const services = [
    new Service('heartbeat', 2_000, log, heartbeat),
    new Service('bindings', 5_000, log, async () => {
      await bindings.tend();
      await refusals.settle(bindings.all);
    }),
    new Service('retire', 10_000, log, () => retire(pool)),
    new Service('overdue', 60_000, log, () => raiseOverdue(pool)),
    new Service('alerts', 1_000, log, () => sendAlerts(pool, config)),
    new Service('expire', 60_000, log, () => expire(pool, config.journalKeepMs)),
    new Service('limits', 60_000, log, () => limits.tidy()),
    new Service('gate', 5_000, log, () => gate.open()),
    new Service('reported', 500, log, () => askReported(pool, bindings.own, limitMs)),
  ];

  let closed: Promise<void> | undefined;

  return {
    bindings,
    async once(swept) {
      try {
        // What is read for the first time can be stood for from then on.
        if (await refresher.pass()) await heartbeat();
        await sweeper.pass();
        swept?.();
        if (await gate.mayHeal()) await Promise.all(healing.map(one => one.drain()));
        // What can't be delivered waits for the next process.
        await sendAlerts(pool, config).catch(error => log.warn(describe(error)));
      } finally {
        await close([...healing, leader]);
      }
    },
    start() {
      for (const service of services) service.start();
      leader.start();
      watcher.start();
      finding.start();
      sweeper.start();
      refresher.start();
    },
    stop: () => close([refresher, sweeper, finding, watcher, ...healing, ...services, leader]),
  };

  function close(parts: readonly { stop(): Promise<void> }[]): Promise<void> {
    return (closed ??= end(parts));
  }

  async function end(parts: readonly { stop(): Promise<void> }[]): Promise<void> {
    await Promise.all(parts.map(part => part.stop()));
    await limits.stop();
    await leave(pool, self).catch(() => {});
    await Promise.all([pool.end(), looking.end(), replica?.end()]);
  }
}

import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { type Pool, isDown, sqlState } from '../db/pool.ts';
import { type Overview, type Standing, overview } from '../find/overview.ts';
import { limitStandings } from '../limits/standing.ts';
import { lagBytes } from '../watch/lag.ts';
import { version } from '../version.ts';
import { type Meters, measuresIn } from './measures.ts';
import { Tally } from './tally.ts';

/** Labels are bounded: by the invariants and limits that are declared, and by no more than so many of them. */
const mostSeries = 500;

/**
 * What `/metrics` tells: read from the database when it is asked for, so that every process tells the same of it.
 */
export class Measures {
  readonly #pool: Pool;
  readonly #registry = new Registry();
  readonly #of = measuresIn(this.#registry);
  readonly #tally: Tally;
  #reading: Promise<string> | undefined;
  #knocking: Promise<unknown> | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#tally = new Tally(pool);
    collectDefaultMetrics({ register: this.#registry });
  }

  get type(): string {
    return this.#registry.contentType;
  }

  /** Several that ask at once get the same answer. A database that is down is one, too. */
  read(): Promise<string> {
    return (this.#reading ??= this.#read().finally(() => (this.#reading = undefined)));
  }

  /** Why this process can't do its work; undefined: it can. */
  async notReady(): Promise<string | undefined> {
    const late = new Promise<'late'>(resolve => setTimeout(resolve, 2_000, 'late').unref());
    try {
      // Several that ask at once ask one question.
      this.#knocking ??= this.#pool
        .query('select from evenkeel.brake')
        .finally(() => (this.#knocking = undefined));
      const answer = await Promise.race([this.#knocking, late]);
      return answer === 'late' ? 'the database does not answer' : undefined;
    } catch (error) {
      if (isDown(error)) return "the database can't be reached";
      return sqlState(error) === '42P01' || sqlState(error) === '3F000'
        ? 'the schema evenkeel is not installed'
        : 'the database refuses';
    }
  }

  async #read(): Promise<string> {
    const of = this.#of;
    try {
      const [seen, limits, lag] = await Promise.all([
        overview(this.#pool),
        limitStandings(this.#pool),
        lagBytes(this.#pool),
      ]);
      fill(of, seen, lag);
      for (const limit of limits.slice(0, mostSeries)) {
        of.limitRate.set({ limit: limit.name }, limit.inForce);
        of.limitUsed.set({ limit: limit.name }, limit.minute.used);
        of.limitWaiting.set({ limit: limit.name }, limit.waiting);
        of.limitBlocked.set({ limit: limit.name }, limit.blocked ? 1 : 0);
      }
      const { counts, heals } = await this.#tally.since();
      const known = new Set(seen.invariants.slice(0, mostSeries).map(({ name }) => name));
      for (const { invariant, opened, healed, cleared, written } of counts) {
        if (!known.has(invariant)) continue;
        of.found.inc({ invariant }, opened);
        of.healed.inc({ invariant }, healed);
        of.cleared.inc({ invariant }, cleared);
        of.written.inc({ invariant }, written);
      }
      for (const { invariant, seconds } of heals)
        if (known.has(invariant)) of.healSeconds.observe({ invariant }, seconds);
      of.up.set(1);
    } catch (error) {
      if (!isDown(error) && sqlState(error) === undefined) throw error;
      // What was read last is no longer true.
      clear(of);
      of.up.set(0);
    }
    return this.#registry.metrics();
  }
}

/** Gauges without labels would say 0, which is something: what isn't known is not told at all. */
function clear(of: Meters): void {
  for (const metric of Object.values(of)) if (metric instanceof Gauge) metric.reset();
  for (const metric of [of.up, of.processes, of.stopped, of.lagBytes, of.lagSeconds, of.waiting])
    metric.remove();
}

function fill(of: Meters, seen: Overview, lag: number | null): void {
  clear(of);
  const { at, capture, processes, stopped } = seen;
  const age = (then: Date) => Math.max(0, at.getTime() - then.getTime()) / 1000;
  of.info.set({ version }, 1);
  of.processes.set(processes.length);
  of.stopped.set(stopped ? 1 : 0);
  of.lagBytes.set(lag ?? 0);
  of.waiting.set(capture.waiting);
  if (capture.verifiedAt) of.lagSeconds.set(age(capture.verifiedAt));
  for (const one of seen.invariants.slice(0, mostSeries)) fillOne(of, one, age);
}

function fillOne(of: Meters, one: Standing, age: (then: Date) => number): void {
  const { name: invariant, guard, hour, sweep, verifiedAt, provedAt } = one;
  for (const state of ['open', 'approved', 'parked', 'undone', 'held'] as const)
    of.violations.set({ invariant, state }, one[state]);
  of.state.set({ invariant, state: one.state }, 1);
  of.escapes.set({ invariant }, one.escapes);
  if (guard !== null) of.guard.set({ invariant }, hour.written / guard);
  of.sweep.set(
    { invariant },
    sweep.running && sweep.rows > 0 ? Math.min(1, sweep.running.rows / sweep.rows) : 0,
  );
  if (verifiedAt) of.verified.set({ invariant }, age(verifiedAt));
  if (provedAt) of.proved.set({ invariant }, age(provedAt));
}

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Every metric of its own: names and meanings are in docs/metrics.md, held to these by a test. */
const name = 'invariant' as const;
export const measuresIn = (registry: Registry) => {
  const registers = [registry];
  return {
    up: new Gauge({
      name: 'evenkeel_database_up',
      help: '1: the database could be read just now.',
      registers,
    }),
    info: new Gauge({
      name: 'evenkeel_info',
      help: '1, with the version of this process.',
      labelNames: ['version'],
      registers,
    }),
    processes: new Gauge({ name: 'evenkeel_processes', help: 'Processes that live.', registers }),
    stopped: new Gauge({
      name: 'evenkeel_stopped',
      help: '1: the brake is pulled, nothing is written.',
      registers,
    }),
    violations: new Gauge({
      name: 'evenkeel_violations',
      help: 'Rows that are wrong, by state.',
      labelNames: [name, 'state'],
      registers,
    }),
    state: new Gauge({
      name: 'evenkeel_invariant_state',
      help: '1 for the state that an invariant is in.',
      labelNames: [name, 'state'],
      registers,
    }),
    verified: new Gauge({
      name: 'evenkeel_verified_seconds',
      help: 'So long ago is the last change that was looked at.',
      labelNames: [name],
      registers,
    }),
    proved: new Gauge({
      name: 'evenkeel_proved_seconds',
      help: 'So long ago began the last look at every row.',
      labelNames: [name],
      registers,
    }),
    escapes: new Gauge({
      name: 'evenkeel_escapes',
      help: 'Violations that capture missed and only a sweep found.',
      labelNames: [name],
      registers,
    }),
    guard: new Gauge({
      name: 'evenkeel_guard_used_ratio',
      help: "Share of an invariant's guard that is used up.",
      labelNames: [name],
      registers,
    }),
    sweep: new Gauge({
      name: 'evenkeel_sweep_ratio',
      help: 'How far the running sweep is; 0: none runs.',
      labelNames: [name],
      registers,
    }),
    lagBytes: new Gauge({
      name: 'evenkeel_capture_lag_bytes',
      help: 'WAL that the slot holds back; 0 without a slot.',
      registers,
    }),
    lagSeconds: new Gauge({
      name: 'evenkeel_capture_lag_seconds',
      help: 'So long ago is the last change that capture told.',
      registers,
    }),
    waiting: new Gauge({ name: 'evenkeel_capture_waiting', help: 'Suspects in memory.', registers }),
    limitRate: new Gauge({
      name: 'evenkeel_limit_rate',
      help: 'Units a second that are in force.',
      labelNames: ['limit'],
      registers,
    }),
    limitUsed: new Gauge({
      name: 'evenkeel_limit_used',
      help: 'Units that were used within the last minute.',
      labelNames: ['limit'],
      registers,
    }),
    limitWaiting: new Gauge({
      name: 'evenkeel_limit_waiting',
      help: 'Violations that wait for it.',
      labelNames: ['limit'],
      registers,
    }),
    limitBlocked: new Gauge({
      name: 'evenkeel_limit_blocked',
      help: '1: nothing is sent just now.',
      labelNames: ['limit'],
      registers,
    }),
    found: new Counter({
      name: 'evenkeel_found_total',
      help: 'Violations that were found.',
      labelNames: [name],
      registers,
    }),
    healed: new Counter({
      name: 'evenkeel_healed_total',
      help: 'Violations that were healed.',
      labelNames: [name],
      registers,
    }),
    cleared: new Counter({
      name: 'evenkeel_cleared_total',
      help: 'Violations that came right by themselves.',
      labelNames: [name],
      registers,
    }),
    written: new Counter({
      name: 'evenkeel_written_total',
      help: 'Rows that were written, cascades counted.',
      labelNames: [name],
      registers,
    }),
    healSeconds: new Histogram({
      name: 'evenkeel_heal_seconds',
      help: 'From the commit that broke it, or where that is not known from when it was found, to the heal.',
      labelNames: [name],
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600],
      registers,
    }),
  };
};

export type Meters = ReturnType<typeof measuresIn>;

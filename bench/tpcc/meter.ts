import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { benchName } from './ground.ts';

/** Who used the cores, in seconds of CPU. `elsewhere`: other programs of the machine, which should be none. */
export const parts = [
  'driver',
  'application',
  'server',
  'evenkeel',
  'its backends',
  'walsender',
  'reader',
  'elsewhere',
  'idle',
] as const;
export type Part = (typeof parts)[number];
export type Usage = Readonly<Record<Part, number>>;

/** Processes that are no backends. */
export type Outside = Partial<Record<Part, number | undefined>>;

/** A tick of /proc is a hundredth of a second on every Linux. */
const ticks = 100;

/**
 * Reads /proc once a second, because backends come and go: of each process the last that was seen counts. What one does in
 * its last second is lost to `elsewhere`. Linux only; others see zeros.
 */
export async function startMeter(pool: pg.Pool, outside: Outside): Promise<() => Promise<Usage>> {
  const seen = new Map<number, { part: Part | undefined; first: number; last: number }>();
  const note = (pid: number, part: Part | undefined, starting: boolean) => {
    const used = cpuOf(pid);
    if (used === undefined) return;
    const known = seen.get(pid);
    if (known) known.last = used;
    else seen.set(pid, { part, first: starting ? used : 0, last: used });
  };
  const look = async (starting: boolean) => {
    for (const [part, pid] of Object.entries(outside)) if (pid) note(pid, part as Part, starting);
    const { rows } = await pool.query<{ pid: number; type: string; name: string }>(
      'select pid, backend_type as type, application_name as name from pg_stat_activity',
    );
    for (const { pid, type, name } of rows) note(pid, partOf(type, name), starting);
  };
  const before = machine();
  await look(true);
  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(() => look(false)).catch(() => undefined);
  }, 1_000);
  return async () => {
    clearInterval(timer);
    await looking;
    await look(false);
    const after = machine();
    const usage = Object.fromEntries(parts.map(part => [part, 0])) as Record<Part, number>;
    for (const { part, first, last } of seen.values()) if (part) usage[part] += last - first;
    usage.idle = after.idle - before.idle;
    const named = parts.reduce((sum, part) => sum + (part === 'idle' ? 0 : usage[part]), 0);
    usage.elsewhere = Math.max(0, after.busy - before.busy - named);
    return usage;
  };
}

function partOf(type: string, name: string): Part | undefined {
  if (type === 'walsender') return 'walsender';
  if (type !== 'client backend' && type !== 'parallel worker') return 'server';
  if (name === benchName) return undefined;
  return name.startsWith('evenkeel') ? 'its backends' : 'application';
}

/** Seconds in user and system mode. */
function cpuOf(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticks;
  } catch {
    return undefined;
  }
}

function machine(): { busy: number; idle: number } {
  try {
    const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0] = readFileSync(
      '/proc/stat',
      'utf8',
    )
      .split('\n', 1)[0]!
      .split(/\s+/)
      .slice(1)
      .map(Number);
    return { busy: (user + nice + system + irq + soft) / ticks, idle: (idle + wait) / ticks };
  } catch {
    return { busy: 0, idle: 0 };
  }
}

export const total = (usage: Usage): number => parts.reduce((sum, part) => sum + usage[part], 0);
/** What finding and healing cost, wherever. */
export const ourParts = ['evenkeel', 'its backends', 'walsender'] as const satisfies readonly Part[];
export const ours = (usage: Usage): number => ourParts.reduce((sum, part) => sum + usage[part], 0);
/** Seconds of CPU to microseconds a changed row. */
export const perRow = ({ rows }: { readonly rows: number }, seconds: number): number =>
  (seconds * 1e6) / rows;

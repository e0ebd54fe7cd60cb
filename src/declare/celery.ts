import { Fault } from './fault.ts';
import { didYouMean } from './guess.ts';
import { type Limit, isLimit } from './limit.ts';
import { placed } from './place.ts';
import type { LimitName, Remedy } from './remedy.ts';
import { what } from './sql.ts';
import { duration } from './values.ts';

/** Hands violations to Celery workers: which task, with which columns of the result. */
export type Celery = Extract<Remedy, { do: 'celery' }>;

export interface CeleryOptions {
  /** Columns, in the order of the task's arguments. Default: the key. */
  args?: readonly string[];
  /** Argument of the task → column. */
  kwargs?: Readonly<Record<string, string>>;
  /** Default: `celery`, as Celery's own. */
  queue?: string;
  /** No more tasks are sent than it lets through. */
  limit?: Limit;
  /** After so long the invariant is asked again, and the task sent again where it is still so. Default: `10m`. */
  within?: string;
  /** 0 to 9, as Celery's `apply_async(priority=…)`: with RabbitMQ 9 goes first, with Redis 0. */
  priority?: number;
}

const words = ['args', 'kwargs', 'queue', 'limit', 'within', 'priority'];

/**
 * A Celery worker puts it right; the invariant, asked again when the row changes or `within` has passed, decides whether it did.
 * @param task its full name: `billing.resync`
 * @throws EvenkeelError `bad-remedy`, placed at the line of the call
 */
export function celery(task: string, options: CeleryOptions = {}): Celery {
  return placed('bad-remedy', celery, () => made(task, options));
}

function made(task: unknown, options: CeleryOptions): Celery {
  if (typeof task !== 'string') throw new Fault(`celery(task, …) takes a string, not ${what(task)}`);
  const odd = Object.keys(options).find(key => !words.includes(key));
  if (odd !== undefined) throw new Fault(`celery: unknown option '${odd}'${didYouMean(odd, words)}`);
  const { args, kwargs = {}, limit, within = '10m', ...rest } = options;
  if (limit !== undefined && !isLimit(limit))
    throw new Fault(`celery: limit: expected a limit, found ${what(limit)}`);
  return celeryTask(task, { ...rest, args, kwargs: Object.entries(kwargs), limit, withinMs: within });
}

/** What was written, in either form. */
interface Written {
  readonly args: readonly string[] | undefined;
  readonly kwargs: readonly (readonly [string, string])[];
  readonly queue?: string | undefined;
  readonly limit?: LimitName | undefined;
  readonly withinMs?: string | undefined;
  readonly priority?: number | undefined;
}

export function celeryTask(
  task: string,
  { args, kwargs, queue = 'celery', limit, withinMs = '10m', priority }: Written,
): Celery {
  if (!/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(task) || task.length > 200)
    throw new Fault(`'${task}' can't be the name of a task`, {
      hint: 'Write its full name: billing.tasks.resync.',
    });
  if (!/^[\w.:-]{1,200}$/.test(queue)) throw new Fault(`'${queue}' can't be the name of a queue`);
  const columns = [...(args ?? []), ...kwargs.map(([, column]) => column)];
  const odd = columns.find(column => typeof column !== 'string' || column === '');
  if (odd !== undefined) throw new Fault(`celery: a column is named by a string, not ${what(odd)}`);
  const names = kwargs.map(([name]) => name);
  const bad = names.find(name => !/^[A-Za-z_]\w*$/.test(name));
  if (bad !== undefined) throw new Fault(`'${bad}' can't be the name of an argument`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Fault(`argument '${twice}' is given twice`);
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 9))
    throw new Fault(`celery: priority: expected a whole number from 0 to 9, found ${what(priority)}`);
  return Object.freeze({
    do: 'celery',
    task,
    ...(args && args.length > 0 && { args: Object.freeze([...args]) }),
    ...(kwargs.length > 0 && { kwargs: Object.freeze(Object.fromEntries(kwargs)) }),
    queue,
    ...(limit !== undefined && { limit }),
    withinMs: duration(withinMs, 1_000),
    ...(priority !== undefined && { priority }),
  });
}

import { createHash } from 'node:crypto';
import type { Celery } from '../declare/celery.ts';

/** A task as it goes to a broker: Celery's message protocol 2 (docs.celeryq.dev, Internals: Task Messages). */
export interface Message {
  readonly id: string;
  readonly queue: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** JSON: `[args, kwargs, embed]`. */
  readonly body: string;
  readonly priority: number | undefined;
}

/** The message is none that a broker can take to anybody; trying again at once would be the same. */
export class Unroutable extends Error {}

/** A column's value as text, and the oid of its type. */
export interface Given {
  readonly text: string | null;
  readonly family: number;
}

/**
 * @param key the same for the same violation; with `nth`, how often it was handed over, it makes the task's id
 * @throws Unroutable where the result isn't what every Celery worker can take
 */
export function messageOf(
  { task, args, kwargs = {}, queue, priority }: Celery,
  given: (column: string) => Given,
  keyColumns: readonly string[],
  key: string,
  nth: number,
): Message {
  const positional = args ?? (Object.keys(kwargs).length > 0 ? [] : keyColumns);
  const named = Object.entries(kwargs);
  const list = positional.map(column => json(given(column))).join(',');
  const dictionary = named
    .map(([name, column]) => `${JSON.stringify(name)}:${json(given(column))}`)
    .join(',');
  const embed = '{"callbacks":null,"errbacks":null,"chain":null,"chord":null}';
  const id = uuid(`${key}/${nth}`);
  const message: Message = {
    id,
    queue,
    priority,
    body: `[[${list}],{${dictionary}},${embed}]`,
    headers: {
      lang: 'py',
      task,
      id,
      root_id: id,
      parent_id: null,
      group: null,
      shadow: null,
      retries: 0,
      eta: null,
      expires: null,
      timelimit: [null, null],
      // Names, not values: these go to workers' logs.
      argsrepr: `(${positional.join(', ')})`,
      kwargsrepr: `{${named.map(([name, column]) => `${name}: ${column}`).join(', ')}}`,
      origin: `evenkeel@${process.pid}`,
      ignore_result: false,
      evenkeel_idempotency_key: key,
    },
  };
  requireSound(message);
  return message;
}

/** A malformed message doesn't fail: it takes down the worker that gets it, and the next, and the next. */
export function requireSound({ id, queue, headers, body, priority }: Message): void {
  const wrong = (what: string): never => {
    throw new Unroutable(`not a message that Celery workers can take: ${what}`);
  };
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) || headers['id'] !== id) wrong('its id');
  if (typeof headers['task'] !== 'string' || headers['task'] === '') wrong('its task');
  if (queue === '') wrong('its queue');
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 9))
    wrong('its priority');
  const parts: unknown = JSON.parse(body);
  if (!Array.isArray(parts) || parts.length !== 3) wrong('its body has three parts');
  const [args, kwargs, embed] = parts as unknown[];
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!Array.isArray(args) || !isObject(kwargs) || !isObject(embed)) wrong('its arguments');
}

/** As JSON: numbers and booleans as such, digit by digit (Python's are of any size), everything else as Postgres prints it. */
function json({ text, family }: Given): string {
  if (text === null) return 'null';
  if (isWhole.has(family) && /^-?\d+$/.test(text)) return text;
  if (family === 16) return text === 't' || text === 'true' ? 'true' : 'false';
  if (isFloat.has(family) && Number.isFinite(Number(text))) return JSON.stringify(Number(text));
  return JSON.stringify(text);
}
const isWhole = new Set([20, 21, 23, 26]);
const isFloat = new Set([700, 701]);

/** Version 8 of RFC 9562: made of a hash. */
function uuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

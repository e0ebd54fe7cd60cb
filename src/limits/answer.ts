import { type List, type Parameters, parseDictionary, parseList } from 'structured-headers';
import type { Dialect } from '../declare/limit.ts';
import { type Preset, presets } from './presets.ts';
import { clamped, untilMs } from './when.ts';

/** An upstream's answer, as far as it matters to its limit. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, where some of it tells of the limit. */
  readonly body?: unknown;
}

/** What an upstream says of its limit. Whatever it says wrongly, or not at all, is left out. */
export interface Told {
  /** It refused because of a limit: nothing was tried. */
  readonly refused: boolean;
  /** Nothing may be sent for so long; ms, at most an hour. */
  readonly waitMs?: number;
  /** So many units in so many ms. */
  readonly quota?: Quota;
  /** So many are left of them; until they are replenished, in ms, where that is a wait and no time to full. */
  readonly left?: { readonly units: number; readonly forMs?: number };
  /** What this request cost after all. */
  readonly spent?: number;
  /** The upstream says whether to try again. */
  readonly retry?: boolean;
}

export interface Quota {
  readonly units: number;
  readonly windowMs: number;
}

/**
 * Reads an answer. It never throws: upstreams send what they like. `Retry-After` goes first (RFC 9110, 10.2.3; the draft on
 * RateLimit fields says so too), then structured RateLimit fields (draft-ietf-httpapi-ratelimit-headers), then what the dialect
 * has beside them.
 * @param now our clock, ms since 1970; the answer's own `Date` counts where there is one, since its times are told by that
 */
export function readAnswer(answer: Answer, dialect: Dialect, now: number): Told {
  const { headers, status } = answer;
  const preset: Preset = dialect === 'common' ? {} : presets[dialect];
  const there = Date.parse(headers.get('date') ?? '');
  const clock = Number.isNaN(there) ? now : there;
  // What was said to somebody else a while ago.
  const cached = Number(headers.get('age') ?? 0) > 0;
  const said = cached ? {} : (preset.read?.(answer) ?? fields(headers, preset, clock) ?? {});
  const after = retryAfter(headers, clock);
  const refused = isRefusal(answer, preset, after, said);
  const empty = said.left?.units === 0 && preset.resetIs !== 'full' ? said.left.forMs : undefined;
  const wait = after ?? (refused || empty !== undefined ? (empty ?? preset.leastWaitMs) : undefined);
  const waits = refused || status === 503 || empty !== undefined;
  const told: { -readonly [K in keyof Told]: Told[K] } = { ...said, refused };
  if (waits && wait !== undefined) told.waitMs = wait;
  const retry = headers.get('x-should-retry') ?? headers.get('stripe-should-retry');
  if (retry === 'true' || retry === 'false') told.retry = retry === 'true';
  return told;
}

function isRefusal(
  answer: Answer,
  preset: Preset,
  after: number | undefined,
  said: Pick<Told, 'left'>,
): boolean {
  const own = preset.refused?.(answer);
  if (own !== undefined) return own;
  if (answer.status === 429) return true;
  if (answer.status === 503) return after !== undefined;
  return answer.status === 403 && preset.forbids === true && (after !== undefined || said.left?.units === 0);
}

function retryAfter(headers: Headers, clock: number): number | undefined {
  const ms = headers.get('retry-after-ms');
  if (ms !== null && /^\d+(\.\d+)?$/.test(ms.trim())) return clamped(Number(ms));
  const text = headers.get('retry-after');
  return text === null ? undefined : untilMs(text, clock);
}

type Said = Pick<Told, 'quota' | 'left'>;

function fields(headers: Headers, preset: Preset, clock: number): Said | undefined {
  const own = (preset.names ?? []).flatMap(names => plain(headers, names, preset, clock) ?? []);
  if (own.length > 0) return slowest(own);
  const structured = policies(headers, preset.unit ?? 'requests');
  if (structured) return structured;
  for (const prefix of ['ratelimit-', 'x-ratelimit-', 'x-rate-limit-', 'rate-limit-']) {
    const said = plain(headers, [`${prefix}limit`, `${prefix}remaining`, `${prefix}reset`], preset, clock);
    if (said) return said;
  }
  return undefined;
}

/** All hold: the slowest rate, and the fewest that are left. */
function slowest(all: readonly Said[]): Said {
  const [quota] = all
    .flatMap(one => one.quota ?? [])
    .toSorted((a, b) => a.units / a.windowMs - b.units / b.windowMs);
  const [left] = all.flatMap(one => one.left ?? []).toSorted((a, b) => a.units - b.units);
  return said(quota, left?.units, left?.forMs);
}

/** Three headers: how many, how many are left, until when. A limit without a window says nothing of a rate. */
function plain(
  headers: Headers,
  [limit, remaining, reset]: readonly [string, string, string],
  preset: Preset,
  clock: number,
): Said | undefined {
  const listed = structuredList(headers.get(limit));
  const units = positive(listed?.[0]?.[0]) ?? positive(headers.get(limit));
  const window = positive(listed?.map(item => item[1].get('w')).find(w => w !== undefined));
  const left = counted(headers.get(remaining));
  const until = headers.get(reset);
  const forMs = until === null ? undefined : untilMs(until, clock);
  const windowMs = window === undefined ? preset.windowMs : windowed(window * 1_000);
  if (left === undefined && (units === undefined || windowMs === undefined)) return undefined;
  return said(
    units === undefined || windowMs === undefined ? undefined : { units, windowMs },
    left,
    preset.resetIs === 'full' ? undefined : forMs,
  );
}

/** `RateLimit-Policy: "burst";q=100;w=60` and `RateLimit: "burst";r=50;t=30`; before that one dictionary held all three. */
function policies(headers: Headers, unit: string): Said | undefined {
  const now = structuredList(headers.get('ratelimit'));
  const policy = structuredList(headers.get('ratelimit-policy'));
  const ours = (params: Parameters) => (params.get('qu') ?? 'requests') === unit;
  const quotas = (policy ?? [])
    .filter(([, params]) => ours(params))
    .flatMap(([name, params]): Quota[] => {
      // Before the draft's eighth version the quota was the item itself.
      const units = positive(params.get('q')) ?? (params.has('q') ? undefined : positive(name));
      const windowMs = windowed((positive(params.get('w')) ?? 0) * 1_000);
      return units === undefined || windowMs === undefined ? [] : [{ units, windowMs }];
    });
  const lefts = (now ?? []).flatMap(([, params]) => {
    const units = counted(params.get('r'));
    if (units === undefined || !ours(params)) return [];
    const t = counted(params.get('t'));
    return [said(undefined, units, t === undefined ? undefined : clamped(t * 1_000))];
  });
  const all = [...quotas.map(quota => ({ quota })), ...lefts];
  return all.length > 0 ? slowest(all) : older(headers.get('ratelimit'));
}

/** `RateLimit: limit=100, remaining=50, reset=30`. */
function older(text: string | null): Said | undefined {
  try {
    const all = parseDictionary(text ?? '');
    const left = counted(all.get('remaining')?.[0]);
    const reset = counted(all.get('reset')?.[0]);
    return left === undefined
      ? undefined
      : said(undefined, left, reset === undefined ? undefined : clamped(reset * 1_000));
  } catch {
    return undefined;
  }
}

/** Items with their parameters; inner lists have no meaning here. */
function structuredList(text: string | null): [unknown, Parameters][] | undefined {
  if (text === null || text.length > 4_096) return undefined;
  try {
    const list: List = parseList(text);
    return list.flatMap(([value, params]) => (Array.isArray(value) ? [] : [[value, params]]));
  } catch {
    return undefined;
  }
}

function said(quota: Quota | undefined, units: number | undefined, forMs: number | undefined): Said {
  return {
    ...(quota && { quota }),
    ...(units !== undefined && { left: { units, ...(forMs !== undefined && { forMs }) } }),
  };
}

const number = (value: unknown): number =>
  typeof value === 'number'
    ? value
    : typeof value === 'string' && /^\d{1,12}(\.\d+)?$/.test(value.trim())
      ? Number(value)
      : Number.NaN;

/** More than nothing; some upstreams send 0 or −1 where they have no limit. */
function positive(value: unknown): number | undefined {
  const n = number(value);
  return n > 0 && n <= 1e9 ? n : undefined;
}

function counted(value: unknown): number | undefined {
  const n = number(value);
  return n >= 0 && n <= 1e9 ? n : undefined;
}

const windowed = (ms: number): number | undefined => (ms >= 1 && ms <= 31 * 86_400_000 ? ms : undefined);

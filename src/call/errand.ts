import type { Upstream } from '../declare/call.ts';
import type { Dialect } from '../declare/limit.ts';
import { durationText } from '../declare/values.ts';
import { type Answer, type Told, readAnswer } from '../limits/answer.ts';
import { Blocked, type Budget, type Permit } from '../limits/budget.ts';
import { Deadline } from './deadline.ts';

/** Larger answers are no answers; bytes. */
const mostBytes = 8 << 20;
/** Whoever has to wait longer for his turn goes back to the ledger; ms. */
const patienceMs = 2_000;

/** The upstream refused, or the limit lets nothing through: nothing was tried. Come again after `ms`. */
export class Refused extends Error {
  readonly ms: number;
  constructor(message: string, ms: number) {
    super(message);
    this.ms = ms;
  }
}

/** The upstream was asked, and it came to nothing. */
export class Failed extends Error {
  /** Asking again would end the same way. */
  readonly known: boolean;
  constructor(message: string, known = false, options?: ErrorOptions) {
    super(message, options);
    this.known = known;
  }
}

/** One run of a handler: its way to the upstream, for as long as it may take. */
export class Errand implements Upstream {
  readonly #budget: Budget;
  readonly #dialect: Dialect;
  readonly #deadline: Deadline;
  readonly idempotencyKey: string;
  /** Reserved, for the next request. */
  #reserved: Permit | undefined;
  /** The last request's. */
  #last: Permit | undefined;
  #written = 0;
  /** Once refused, all further requests of this run are. */
  refused: Refused | undefined;
  /** The first failure: a handler may hide it behind one of its own. */
  failed: Failed | undefined;

  constructor(budget: Budget, dialect: Dialect, idempotencyKey: string, timeoutMs: number) {
    this.#budget = budget;
    this.#dialect = dialect;
    this.idempotencyKey = idempotencyKey;
    this.#deadline = new Deadline(timeoutMs, `it took longer than ${durationText(timeoutMs)}`);
  }

  get signal(): AbortSignal {
    return this.#deadline.signal;
  }

  /** Nobody waits for it any more. */
  abort(why: string): void {
    this.#deadline.abort(why);
  }

  // Arrows: handlers take them apart, and SDKs are handed `fetch` by itself.
  readonly reserve = async (weight: number): Promise<void> => {
    if (!(weight > 0 && weight <= 1e9)) throw new RangeError(`a weight is above 0, not ${weight}`);
    await this.#giveBack();
    this.#reserved = await this.#turn(weight);
  };

  readonly spent = async (weight: number): Promise<void> => {
    if (!(weight >= 0 && weight <= 1e9)) throw new RangeError(`a weight is 0 or more, not ${weight}`);
    const permit = this.#reserved ?? this.#last;
    this.#reserved = undefined;
    this.#last = undefined;
    if (permit) await this.#budget.release(permit, weight);
  };

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    // It may have been blocked since it was reserved: then its turn is over.
    if (this.#reserved && this.#budget.blockedMs > 0) await this.#again();
    const permit = this.#reserved ?? (await this.#turn(1));
    this.#reserved = undefined;
    this.#last = { ...permit, lease: undefined };
    try {
      return await this.#ask(input, init);
    } catch (error) {
      throw this.#note(error);
    } finally {
      await this.#budget.release(permit);
    }
  };

  /** The run is over. */
  async close(): Promise<void> {
    this.#deadline.end();
    await this.#giveBack();
  }

  async #turn(weight: number): Promise<Permit> {
    if (this.refused) throw this.refused;
    this.signal.throwIfAborted();
    this.#deadline.pause();
    try {
      const permit = await this.#budget.take(weight, patienceMs);
      if (!this.signal.aborted) return permit;
      await this.#budget.release(permit, 0);
      throw this.signal.reason;
    } catch (error) {
      throw this.#note(error);
    } finally {
      this.#deadline.resume();
    }
  }

  async #giveBack(): Promise<void> {
    const permit = this.#reserved;
    this.#reserved = undefined;
    // Whoever reserved and used a client of his own has used it.
    if (permit) await this.#budget.release(permit);
  }

  async #ask(input: Parameters<typeof fetch>[0], init: RequestInit = {}): Promise<Response> {
    const from = input instanceof Request ? input : undefined;
    const method = (init.method ?? from?.method ?? 'GET').toUpperCase();
    const sent = new Headers(init.headers ?? from?.headers);
    if (method !== 'GET' && method !== 'HEAD') {
      const nth = ++this.#written;
      const key = nth === 1 ? this.idempotencyKey : `${this.idempotencyKey}-${nth}`;
      if (!sent.has('idempotency-key')) sent.set('idempotency-key', key);
    }
    const own = init.signal ?? from?.signal;
    const signal = own ? AbortSignal.any([own, this.signal]) : this.signal;
    const response = await fetch(input, { redirect: 'manual', ...init, headers: sent, signal });
    const { status, headers } = response;
    const why = `it answered ${status}${reasonIn(headers)}`;
    // Before anybody else sends: the body may take a while.
    if (status === 429) this.#budget.block(100);
    const first = readAnswer({ status, headers }, this.#dialect, Date.now());
    // Only Stripe's body says that it was no refusal after all.
    if (first.refused && this.#dialect !== 'stripe') {
      response.body?.cancel().catch(() => {});
      await this.#heard(response, first, why);
    }
    const body = await readBody(response, mostBytes);
    const full: Answer = {
      status,
      headers,
      get body() {
        return parsed(body);
      },
    };
    const told = readAnswer(full, this.#dialect, Date.now());
    await this.#heard(response, told, why);
    return new Response(body.length > 0 ? body : null, response);
  }

  async #again(): Promise<void> {
    const { weight, lease } = this.#reserved as Permit;
    this.#reserved = undefined;
    await this.#budget.release({ weight, lease }, 0);
    this.#reserved = await this.#turn(weight);
  }

  async #spentSays({ spent }: Told): Promise<void> {
    if (this.#last && spent !== undefined) await this.#budget.release(this.#last, spent);
    this.#last = undefined;
  }

  /** A refusal is one, whether it could be written down or not. */
  async #heard(response: Response, told: Told, why: string): Promise<void> {
    try {
      await this.#budget.heard(told, why);
      if (told.spent !== undefined) await this.#spentSays(told);
    } finally {
      this.#judge(response, told);
    }
  }

  #judge({ status, type }: Response, told: Told): void {
    if (told.refused) {
      throw new Refused(`refused for now (${status})`, Math.max(told.waitMs ?? 0, this.#budget.blockedMs));
    }
    if (status >= 500) throw new Failed(`it answered ${status}`, told.retry === false);
    if ((status >= 300 && status < 400 && status !== 304) || type === 'opaqueredirect')
      throw new Failed(`it redirects (${status}), and nothing is sent to another place`);
  }

  /** What went wrong, in our words; it is remembered. */
  #note(error: unknown): unknown {
    if (error instanceof Blocked) this.refused ??= new Refused(error.message, error.ms);
    if (error instanceof Refused) this.refused ??= error;
    if (this.refused) return this.refused;
    const failure =
      error instanceof Failed || this.signal.aborted
        ? error
        : new Failed(unreachable(error), false, { cause: error });
    if (failure instanceof Failed) this.failed ??= failure;
    return failure;
  }
}

/** @throws Failed where it is larger than that */
async function readBody(response: Response, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const { headers } = response;
  const said = headers.has('content-encoding')
    ? Number.NaN
    : Number(headers.get('content-length') ?? Number.NaN);
  // The platform holds an answer to the length it says, and reads it at half the price of its parts.
  if (said <= most) return new Uint8Array(await response.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > most) throw new Failed(`its answer is larger than ${most >> 20} MB`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Which of several limits it was, where an upstream tells. */
function reasonIn(headers: Headers): string {
  const reason = headers.get('stripe-rate-limited-reason');
  return reason === null ? '' : ` (${reason.slice(0, 100)})`;
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

/** Node says `fetch failed`, and in the cause why. */
function unreachable(error: unknown): string {
  const { cause, message } = error as Error & { cause?: NodeJS.ErrnoException };
  return `it can't be asked: ${cause?.code ?? cause?.message ?? message}`;
}

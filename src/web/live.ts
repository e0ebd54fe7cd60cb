import type { Pool } from '../db/pool.ts';
import type { Page } from './page.ts';
import { shownFor } from './recent.ts';

/**
 * Tells browsers that something changed; each then asks for its page again. One question a second for all of them, and none while
 * nobody looks. What they get is made for all, once a second, or less often where that is dear: fifty viewers cost what one does, and all
 * pages together a twentieth of one connection's time.
 */
export class Live {
  readonly #pool: Pool;
  readonly #viewers = new Set<(event: Event) => void>();
  #timer: NodeJS.Timeout | undefined;
  #last = '';
  #asking: Promise<string> | undefined;
  #quiet = 0;
  #stopped = false;
  readonly #pages = new Map<string, Kept>();
  #toldAt = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** @returns how to unsubscribe; undefined: there are too many */
  subscribe(viewer: (event: Event) => void): (() => void) | undefined {
    if (this.#viewers.size >= mostViewers || this.#stopped) return undefined;
    this.#viewers.add(viewer);
    if (this.#viewers.size === 1) this.#schedule();
    return () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) clearTimeout(this.#timer);
    };
  }

  /** A page as it was made a moment ago, or anew. */
  page(key: string, make: () => Promise<Drawn>): Promise<Drawn> {
    const now = performance.now();
    const known = this.#pages.get(key);
    // While it is being made nobody else begins to.
    if (known && now < known.until) return known.page;
    for (const [other, one] of this.#pages) if (now >= one.until) this.#pages.delete(other);
    const one: Kept = { page: make(), until: Number.POSITIVE_INFINITY, keepMs: 0 };
    this.#pages.set(key, one);
    const made = () => {
      const tookMs = performance.now() - now;
      one.keepMs = Math.max(freshMs, shownFor(tookMs * this.#pages.size));
      one.until = now + one.keepMs;
    };
    one.page.then(made, made);
    return one.page;
  }

  /** Somebody decided something: what comes next shows it. */
  forget(): void {
    this.#pages.clear();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const viewer of this.#viewers) viewer('end');
    this.#viewers.clear();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), everyMs);
    this.#timer.unref();
  }

  async #ask(): Promise<string> {
    try {
      const { rows } = await this.#pool.query<{ now: string }>(fingerprint);
      return rows[0]?.now ?? '';
    } catch {
      return 'down';
    }
  }

  async #look(): Promise<void> {
    const late = new Promise<string>(resolve => setTimeout(resolve, lateMs, 'down').unref());
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    const now = await Promise.race([this.#asking, late]);
    if (this.#viewers.size === 0) return;
    this.#quiet++;
    // Nobody asks in vain for what is shown a while longer.
    const early = performance.now() - this.#toldAt < this.#longestMs;
    // Times go on while nothing happens.
    if (!early && (now !== this.#last || this.#quiet >= 5)) {
      this.#quiet = 0;
      this.#last = now;
      this.#toldAt = performance.now();
      for (const viewer of this.#viewers) viewer('changed');
    } else for (const viewer of this.#viewers) viewer('ping');
    this.#schedule();
  }

  /** How long the dearest page is shown; ms. */
  get #longestMs(): number {
    return Math.max(0, ...[...this.#pages.values()].map(({ keepMs }) => keepMs));
  }
}

interface Kept {
  readonly page: Promise<Drawn>;
  /** Shown until then; ms, this process's own clock. */
  until: number;
  keepMs: number;
}

export interface Drawn {
  readonly body: string;
  readonly status: NonNullable<Page['status']>;
}

/** `ping`: nothing changed, and we are still here. */
export type Event = 'changed' | 'ping' | 'end';

const everyMs = 1_000;
const lateMs = 3_000;
const freshMs = 900;
const mostViewers = 500;

const fingerprint = `
  select concat_ws(' ', (select max(id) from evenkeel.entry), (select max(id) from evenkeel.decision),
    (select max(id) from evenkeel.violation),
    (select concat(sum(opened), '/', sum(cleared), '/', sum(healed)) from evenkeel.pulse
      where minute > clock_timestamp() - interval '2 minutes'),
    (select concat(sum(hashtext(concat(hash, retired_at, held_at, failed_at, passes, pass_rows)))) from evenkeel.invariant),
    (select count(*) from evenkeel.process where heartbeat_at > clock_timestamp() - interval '10 seconds'),
    (select pulled_at from evenkeel.brake)) as now`;

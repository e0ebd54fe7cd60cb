import type { Pool } from '../db/pool.ts';
import type { Page } from './page.ts';

/**
 * Tells browsers that something changed; each then asks for its page again. One question a second for all of them, and none while
 * nobody looks. What they get is made once a second for all, too: fifty viewers cost what one does.
 */
export class Live {
  readonly #pool: Pool;
  readonly #viewers = new Set<(event: Event) => void>();
  #timer: NodeJS.Timeout | undefined;
  #last = '';
  #quiet = 0;
  #stopped = false;
  readonly #pages = new Map<string, { readonly at: number; readonly page: Promise<Drawn> }>();

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

  /** A page as it was made less than a second ago, or anew. */
  page(key: string, make: () => Promise<Drawn>): Promise<Drawn> {
    const now = performance.now();
    const known = this.#pages.get(key);
    if (known && now - known.at < freshMs) return known.page;
    for (const [other, { at }] of this.#pages) if (now - at >= freshMs) this.#pages.delete(other);
    const page = make();
    this.#pages.set(key, { at: now, page });
    return page;
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

  async #look(): Promise<void> {
    let now: string;
    try {
      const { rows } = await this.#pool.query<{ now: string }>(fingerprint);
      now = rows[0]?.now ?? '';
    } catch {
      now = 'down';
    }
    if (this.#viewers.size === 0) return;
    this.#quiet++;
    // Times go on while nothing happens.
    if (now !== this.#last || this.#quiet >= 5) {
      this.#quiet = 0;
      for (const viewer of this.#viewers) viewer('changed');
    }
    this.#last = now;
    this.#schedule();
  }
}

export interface Drawn {
  readonly body: string;
  readonly status: NonNullable<Page['status']>;
}

export type Event = 'changed' | 'end';

const everyMs = 1_000;
const freshMs = 900;
const mostViewers = 500;

const fingerprint = `
  select concat_ws(' ', (select max(id) from evenkeel.entry), (select max(id) from evenkeel.decision),
    (select concat(max(id), '/', count(*), '/', count(*) filter (where state = 'open')) from evenkeel.violation),
    (select concat(sum(hashtext(concat(hash, retired_at, held_at, failed_at, passes, pass_rows)))) from evenkeel.invariant),
    (select count(*) from evenkeel.process where heartbeat_at > clock_timestamp() - interval '10 seconds'),
    (select pulled_at from evenkeel.brake)) as now`;

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
  #asking: Promise<string> | undefined;
  #quiet = 0;
  #stopped = false;
  readonly #pages = new Map<string, { at: number | undefined; readonly page: Promise<Drawn> }>();

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
    const isFresh = ({ at }: { at: number | undefined }) => at === undefined || now - at < freshMs;
    if (known && isFresh(known)) return known.page;
    for (const [other, one] of this.#pages) if (!isFresh(one)) this.#pages.delete(other);
    const page = make();
    // While it is being made nobody else begins to.
    const one: { at: number | undefined; page: Promise<Drawn> } = { at: undefined, page };
    this.#pages.set(key, one);
    const made = () => (one.at = now);
    page.then(made, made);
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
    // Times go on while nothing happens.
    if (now !== this.#last || this.#quiet >= 5) {
      this.#quiet = 0;
      for (const viewer of this.#viewers) viewer('changed');
    } else for (const viewer of this.#viewers) viewer('ping');
    this.#last = now;
    this.#schedule();
  }
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
    (select concat(max(id), '/', count(*), '/', count(*) filter (where state = 'open')) from evenkeel.violation),
    (select concat(sum(hashtext(concat(hash, retired_at, held_at, failed_at, passes, pass_rows)))) from evenkeel.invariant),
    (select count(*) from evenkeel.process where heartbeat_at > clock_timestamp() - interval '10 seconds'),
    (select pulled_at from evenkeel.brake)) as now`;

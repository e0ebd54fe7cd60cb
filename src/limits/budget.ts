import type { Pool } from '../db/pool.ts';
import type { Limit } from '../declare/limit.ts';
import type { Told } from './answer.ts';
import { Lateness } from './late.ts';
import { Window } from './window.ts';

/** The right to send one request now. It has to be given back: a process that dies loses it after half a minute. */
export interface Permit {
  readonly weight: number;
  readonly lease: string | undefined;
}

/** Its turn would come too late: whoever asked should do something else, and come again. */
export class Blocked extends Error {
  readonly ms: number;
  constructor(name: string, ms: number) {
    super(`the limit ${name} lets nothing through for ${Math.ceil(ms / 1_000)} s`);
    this.ms = ms;
  }
}

interface Waiter {
  readonly weight: number;
  /** Longer than that it doesn't wait; ms. */
  readonly patience: number;
  readonly resolve: (permit: Permit) => void;
  readonly reject: (error: unknown) => void;
}

interface Untold {
  /** Below 0: not said. */
  readonly waitMs: number;
  readonly why: string;
  readonly times: number;
}

/** A waiter whose time is known. */
interface Due {
  /** This process's own clock, ms. */
  readonly at: number;
  readonly waiter: Waiter;
  readonly lease: string | undefined;
}

interface Reserved {
  readonly slots: number;
  readonly first: number | null;
  readonly gap: number;
  readonly wait: number | null;
  readonly leases: readonly string[];
  readonly epoch: number;
  /** The database's; ms since 1970. */
  readonly clock: number;
}

/** A block of reservations is so much of a limit's time: what one process sends late is little of what all send; ms. */
const blockMs = 8;
/** The next block is reserved so long before the last one ends, so that a busy machine loses none of a limit's time; ms. */
const leadMs = 150;
/** A refusal that says nothing holds this process up for so long, until the row says for how long; ms. */
const chanceMs = 20;
/** A timer that is so late was held up; ms. */
const heldUpMs = 5;
const leaseSeconds = 30;
/** Of a limit's time so much is planned, and reserved: `evenkeel.limit_pace()`. */
export const pace = 0.9875;
/** What an upstream says is written down again after so long: another process may have written something else meanwhile; ms. */
const toldAgainMs = 10_000;

/**
 * One process's part of a limit that all share. The row `evenkeel.rate_limit` knows when the next request is due (GCRA);
 * reservations are taken from it in blocks, as delays on the database's clock, and handed out at their time, first come first
 * served. What the upstream answers goes back to the row: a refusal stops everybody at once.
 */
export class Budget {
  readonly #pool: Pool;
  readonly #limit: Limit;
  readonly #holder: string;
  #waiters: Waiter[] = [];
  /** Reserved, in the order of their time. */
  #due: Due[] = [];
  #blockedUntil = 0;
  /** What was reserved in an earlier one is void: the row begins another with each wait. */
  #epoch = 0;
  /** Blocked, and the row has yet to say in which epoch what comes after is reserved. */
  #ahead = false;
  /** Ms between two units, as of late. */
  #gap = blockMs;
  #filling = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  readonly #leases = new Set<string>();
  #beat: NodeJS.Timeout | undefined;
  #closed = false;
  /** Refused, here or elsewhere, since the last answer that was no refusal. */
  #doubtful = false;
  readonly #late = new Lateness();
  readonly #window = new Window(pace);
  /** What upstreams said to wait, and refusals, that aren't written down yet. */
  #untold: Untold | undefined;
  #telling: Promise<void> | undefined;
  /** What this process wrote down last, and when. */
  #told: number | undefined;
  #toldAt = 0;

  /** @param holder this process (uuid): its leases are its own */
  constructor(pool: Pool, limit: Limit, holder: string) {
    this.#pool = pool;
    this.#limit = limit;
    this.#holder = holder;
  }

  get name(): string {
    return this.#limit.name;
  }

  get waiting(): number {
    return this.#waiters.length + this.#due.length;
  }

  /** Brings the row in line with what is declared; what was learned stays. To be called before `take`. */
  async declare(): Promise<void> {
    const { name, rate, burst, concurrency } = this.#limit;
    await this.#pool.query(
      `insert into evenkeel.rate_limit as l (name, rate, burst, concurrency) values ($1, $2, $3, $4)
       on conflict (name) do update set rate = excluded.rate, burst = excluded.burst, concurrency = excluded.concurrency
        where (l.rate, l.burst, l.concurrency) is distinct from (excluded.rate, excluded.burst, excluded.concurrency)`,
      [name, rate, burst, concurrency ?? null],
    );
  }

  /** How long nothing may be sent, as far as this process knows; ms. */
  get blockedMs(): number {
    return Math.max(0, this.#blockedUntil - performance.now());
  }

  /**
   * Resolves when a request of so many units may be sent.
   * @param patience ms; no wait is longer
   * @throws Blocked where it would be; what the database throws; an error once closed
   */
  take(weight = 1, patience = Number.POSITIVE_INFINITY): Promise<Permit> {
    if (this.#closed) return Promise.reject(new Error(`the limit ${this.name} is closed`));
    if (this.blockedMs > patience) return Promise.reject(new Blocked(this.name, this.blockedMs));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ weight, patience, resolve, reject });
      void this.#fill();
    });
  }

  /** Those that will not wait so long go away. */
  #dismiss(ms: number): void {
    const impatient = this.#waiters.filter(({ patience }) => patience < ms);
    if (impatient.length === 0) return;
    this.#waiters = this.#waiters.filter(({ patience }) => patience >= ms);
    for (const { reject } of impatient) reject(new Blocked(this.name, ms));
  }

  /** The request is over. @param spent units it cost after all, where that is known */
  async release({ lease, weight }: Permit, spent = weight): Promise<void> {
    if (lease !== undefined) {
      this.#leases.delete(lease);
      await this.#pool.query('delete from evenkeel.rate_lease where id = $1', [lease]);
    }
    if (spent !== weight) await this.#adjust(spent - weight);
  }

  /** So many units were used beyond what was reserved; below 0: nobody used them. */
  async #adjust(units: number): Promise<void> {
    if (units !== 0) await this.#pool.query('select evenkeel.limit_settles($1, $2)', [this.name, units]);
  }

  /** What the upstream said. A refusal counts here before it is written down, and then for everybody. */
  async heard(told: Told, why: string): Promise<void> {
    const { refused, waitMs } = told;
    if (refused || waitMs !== undefined) {
      this.block(waitMs ?? chanceMs);
      const before = this.#untold;
      this.#untold = {
        waitMs: Math.max(waitMs ?? -1, before?.waitMs ?? -1),
        why,
        times: (before?.times ?? 0) + (refused ? 1 : 0),
      };
      if (waitMs !== undefined) this.#warn(waitMs);
      this.#telling ??= this.#tell();
      await this.#telling;
    }
    await this.#answered(told);
  }

  /** The others hear what an upstream said before the row is free to have it written. */
  #warn(ms: number): void {
    if (this.#telling) return;
    const word = JSON.stringify([this.name, ms]);
    this.#pool.query(`select pg_notify('evenkeel_limit', $1)`, [word]).catch(() => {});
  }

  /** Refusals of one moment, which are many where much was under way, are written down together. */
  async #tell(): Promise<void> {
    try {
      for (let next = this.#untold; next; next = this.#untold) {
        this.#untold = undefined;
        const { waitMs, why, times } = next;
        const held = this.#blockedUntil;
        const { rows } = await this.#pool.query<{ ms: number }>(
          'select evenkeel.limit_blocks($1, $2, $3, $4, $5) as ms',
          [this.name, waitMs < 0 ? null : waitMs, why, times > 0, times],
        );
        // The row knows, and nothing is reserved but from there: it may be less than the time for which it was held back till now.
        // What was said meanwhile holds beside it.
        const until = performance.now() + (rows[0]?.ms ?? 0);
        const more = this.#untold !== undefined || this.#blockedUntil !== held;
        this.#blockedUntil = more ? Math.max(until, this.#blockedUntil) : until;
        this.#dismiss(this.blockedMs);
        this.#wake?.();
      }
    } finally {
      this.#telling = undefined;
    }
  }

  /**
   * Nothing is sent for so long, and what was reserved is void.
   * @param epoch the row's, where it is the row that says so: what was reserved in that one comes after the wait
   */
  block(ms: number, epoch?: number): void {
    if (epoch !== undefined && epoch <= this.#epoch) return;
    this.#blockedUntil = Math.max(this.#blockedUntil, performance.now() + ms);
    this.#void(epoch);
    this.#dismiss(this.blockedMs);
    this.#wake?.();
    void this.#fill();
  }

  #void(epoch: number | undefined): void {
    this.#doubtful = true;
    this.#ahead = epoch === undefined;
    this.#epoch = epoch ?? this.#epoch;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiters = [...this.#due.map(({ waiter }) => waiter), ...this.#waiters];
    const leases = this.#due.flatMap(({ lease }) => lease ?? []);
    this.#due = [];
    void this.#give(leases);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#beat);
    this.#wake?.();
    const gone = new Error(`the limit ${this.name} is closed`);
    for (const { reject } of [...this.#waiters, ...this.#due.map(({ waiter }) => waiter)]) reject(gone);
    this.#waiters = [];
    this.#due = [];
    await this.#pool
      .query('delete from evenkeel.rate_lease where rate_limit = $1 and holder = $2', [
        this.name,
        this.#holder,
      ])
      .catch(() => {});
  }

  /** Reserves for those that wait, one block at a time. */
  async #fill(): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    try {
      while (this.#waiters.length > 0 && !this.#closed) {
        const { blockedMs } = this;
        // What is reserved in the row's new epoch comes after the wait: nothing is lost to the way there.
        if (blockedMs > (this.#ahead ? 0 : leadMs)) {
          await this.#pause(this.#ahead ? blockedMs : blockedMs - leadMs);
          continue;
        }
        const ahead = (this.#due.at(-1)?.at ?? 0) - performance.now() - leadMs;
        if (ahead > 0) {
          await this.#pause(ahead);
          continue;
        }
        await this.#reserve();
      }
    } catch (error) {
      for (const { reject } of this.#waiters.splice(0)) reject(error);
    } finally {
      this.#filling = false;
    }
  }

  async #reserve(): Promise<void> {
    const { weight } = this.#waiters[0] as Waiter;
    const most = Math.max(1, Math.floor(blockMs / this.#gap));
    let wanted = 0;
    while (wanted < most && this.#waiters[wanted]?.weight === weight) wanted++;
    const { rows } = await this.#pool.query<Reserved>(
      `select slots, first_ms as first, gap_ms as gap, wait_ms as wait, leases::text[] as leases,
              epoch::float8 as epoch, extract(epoch from clock_timestamp())::float8 * 1000 as clock
         from evenkeel.reserve($1, $2, $3, $4, $5)`,
      [this.name, wanted, weight, this.#holder, leaseSeconds],
    );
    const now = performance.now();
    const { slots = 0, first, gap = blockMs, wait, leases = [], epoch = 0, clock = 0 } = rows[0] ?? {};
    for (const lease of leases) this.#leases.add(lease);
    if (leases.length > 0)
      this.#beat ??= setInterval(() => void this.#renew(), (leaseSeconds * 1_000) / 3).unref();
    this.#gap = Math.max(gap, 0.01);
    // Void, or about to be.
    if (this.#closed || epoch < this.#epoch || (this.#ahead && this.#blockedUntil > now))
      return void this.#give(leases);
    if (epoch > this.#epoch) this.#void(epoch);
    if (slots === 0) {
      this.#dismiss(wait ?? 0);
      return this.#pause(Math.min(1_000, Math.max(5, wait ?? 0)));
    }
    // Some may have gone away meanwhile.
    const served = this.#waiters.filter(waiter => waiter.weight === weight).slice(0, slots);
    this.#waiters = this.#waiters.filter(waiter => !served.includes(waiter));
    const from = now - this.#late.of(now, clock) + (first ?? 0);
    for (const [i, waiter] of served.entries())
      this.#due.push({ at: from + i * gap, waiter, lease: leases[i] });
    this.#schedule();
    // Nothing waits for these: whoever is served is in a list throughout, so that a refusal or the end reaches him.
    void this.#give(leases.slice(served.length));
    this.#adjust((served.length - slots) * weight).catch(() => {});
  }

  #schedule(): void {
    const [next] = this.#due;
    if (this.#timer || !next) return;
    this.#timer = setTimeout(
      () => this.#hand(),
      Math.max(0, this.#window.opens(next.at) - performance.now()),
    );
  }

  #hand(heard = false): void {
    this.#timer = undefined;
    const now = performance.now();
    // Timers go before sockets: where the process was held up, a refusal that came in meanwhile is heard first.
    if (!heard && this.#due[0] && now - this.#due[0].at > heldUpMs) {
      setImmediate(() => this.#hand(true));
      return;
    }
    while (this.#due[0] && this.#window.opens(this.#due[0].at) <= now + 0.5) {
      const { at, waiter, lease } = this.#due.shift() as Due;
      this.#window.sent(at, now);
      waiter.resolve({ weight: waiter.weight, lease });
    }
    this.#schedule();
  }

  /** Cut short when it is closed. */
  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(over, ms);
      const wake = () => over();
      this.#wake = wake;
      function over() {
        clearTimeout(timer);
        resolve();
      }
    });
  }

  async #give(leases: readonly string[]): Promise<void> {
    for (const lease of leases) this.#leases.delete(lease);
    if (leases.length === 0) return;
    await this.#pool
      .query('delete from evenkeel.rate_lease where id = any($1::bigint[])', [leases])
      .catch(() => {});
  }

  async #renew(): Promise<void> {
    if (this.#leases.size === 0) return;
    await this.#pool
      .query(
        `update evenkeel.rate_lease set expires_at = clock_timestamp() + make_interval(secs => $2) where id = any($1::bigint[])`,
        [[...this.#leases], leaseSeconds],
      )
      .catch(() => {});
  }

  /** What the upstream states replaces what was declared; little differences are noise, and most answers say nothing new. */
  async #answered({ quota, left, refused }: Told): Promise<void> {
    const stated = quota && (1_000 * quota.units) / quota.windowMs;
    // What is left must last until there is more: below the policy's rate, it is the rate. Of nothing nothing is sent till then.
    const lasting = left?.forMs && left.units > 0 ? (1_000 * left.units) / left.forMs : undefined;
    const rate = stated && Math.min(stated, lasting ?? stated);
    const now = performance.now();
    const known =
      rate === undefined ||
      (Math.abs(rate - (this.#told ?? 0)) <= 0.01 * rate && now - this.#toldAt < toldAgainMs);
    if (!known) {
      this.#told = rate;
      this.#toldAt = now;
      await this.#pool.query('select evenkeel.limit_told($1, $2)', [this.name, rate]);
    }
    if (refused || !this.#doubtful) return;
    this.#doubtful = false;
    await this.#pool.query('select evenkeel.limit_lets($1)', [this.name]);
  }
}

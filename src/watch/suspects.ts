import type { Key } from '../ask/ask.ts';
import type { Operation, Origin, Position } from './capture/capture.ts';

/** What broke a violation, as far as capture knows: the last change told before it was found. */
export interface Cause extends Origin {
  /** Qualified and quoted. */
  readonly table: string;
  readonly operation: Operation;
}

/** A key (or the columns that a look-up starts from) that has to be looked at. */
export interface Suspect {
  readonly id: string;
  readonly key: Key;
  /** Of the last change. A look counts only in a snapshot that sees it. */
  cause: Cause;
  /** So many earlier transactions changed it since the last look; any of them may be the cause. */
  others: number;
  /** When the first change since the last look was committed; ms. */
  since: number;
  /** When that was told; ms, this process's own clock. */
  toldAt: number;
  /** Capture may be acknowledged up to here while this waits; undefined: it is kept in the database. */
  floor: Position | undefined;
  kept: boolean;
}

/**
 * Suspects of one invariant, merged by key, oldest first. One that was looked at rests for as long as its price asks for:
 * so hot keys are looked at as often as the duty cycle allows, and freshness gives way before the service does.
 */
export class Suspects {
  #waiting = new Map<string, Suspect>();
  readonly #asking = new Map<string, Suspect>();
  readonly #resting = new Map<string, number>();
  /** Keys of which it is asked whether capture tells them after all. */
  readonly #doubts = new Set<string>();
  #known: Least | undefined;

  get size(): number {
    return this.#waiting.size + this.#asking.size;
  }

  /** @param now this process's own clock, ms */
  touch(key: Key, cause: Cause, floor: Position, now: number): void {
    const id = idOf(key);
    if (this.#doubts.size > 0) this.#doubts.delete(id);
    const known = this.#waiting.get(id);
    const since = cause.at.getTime();
    this.#note(floor, since);
    if (known) merge(known, cause, 0, floor, now);
    else {
      this.#waiting.set(id, { id, key, cause, others: 0, since, toldAt: now, floor, kept: false });
    }
  }

  /** What was kept by a process before this one. */
  load(key: Key, cause: Cause, since: number, now: number): void {
    const id = idOf(key);
    if (this.#waiting.has(id)) return;
    this.#known = undefined;
    this.#waiting.set(id, { id, key, cause, others: 0, since, toldAt: now, floor: undefined, kept: true });
  }

  /** At most `n` that don't rest and whose changes can be seen; they count as unfinished until `done` or `back`. */
  take(n: number, now: number, visible: (xid: string) => boolean): Suspect[] {
    const taken: Suspect[] = [];
    for (const one of this.#waiting.values()) {
      if (taken.length === n) break;
      if ((this.#resting.get(one.id) ?? 0) > now || this.#asking.has(one.id)) continue;
      if (visible(one.cause.xid)) taken.push(one);
    }
    for (const one of taken) {
      this.#waiting.delete(one.id);
      this.#asking.set(one.id, one);
    }
    return taken;
  }

  /** Is there any that doesn't rest? */
  ready(now: number): boolean {
    for (const { id } of this.#waiting.values()) if ((this.#resting.get(id) ?? 0) <= now) return true;
    return false;
  }

  /** A key that a suspected row led to: as old as that, and held as far back. */
  pass(key: Key, from: Suspect): void {
    const id = idOf(key);
    this.#doubts.delete(id);
    this.#note(from.floor, from.since);
    const known = this.#waiting.get(id);
    if (known) {
      merge(known, from.cause, from.others, from.floor, from.toldAt);
      known.since = Math.min(known.since, from.since);
      if (from.floor !== undefined && known.floor !== undefined && from.floor < known.floor)
        known.floor = from.floor;
    } else this.#waiting.set(id, { ...from, id, key });
  }

  /** They were looked at; each rests until `until`. */
  done(suspects: readonly Suspect[], until: number): void {
    this.#known = undefined;
    for (const { id } of suspects) {
      this.#asking.delete(id);
      if (until > 0) this.#resting.set(id, until);
    }
  }

  /** They couldn't be looked at, and rest until `until`; what was told of them meanwhile is merged in. */
  back(suspects: readonly Suspect[], until = 0): void {
    this.done(suspects, until);
    const rest = this.#waiting;
    this.#waiting = new Map(suspects.map(one => [one.id, one]));
    for (const [id, one] of rest) {
      const older = this.#waiting.get(id);
      if (older) merge(older, one.cause, one.others, one.floor, one.toldAt);
      else this.#waiting.set(id, one);
    }
  }

  /** Those told before `toldBefore` that still hold capture back, as they are now. */
  holding(toldBefore: number): Suspect[] {
    const found: Suspect[] = [];
    for (const of of [this.#waiting, this.#asking]) {
      for (const one of of.values()) {
        if (one.floor !== undefined && one.toldAt < toldBefore) found.push({ ...one });
      }
    }
    return found;
  }

  /** They are in the database now, and hold nothing back, but for those that changed meanwhile. */
  letGo(suspects: Iterable<Suspect>): void {
    this.#known = undefined;
    for (const { id, cause } of suspects) {
      for (const one of [this.#waiting.get(id), this.#asking.get(id)]) {
        if (!one) continue;
        one.kept = true;
        if (one.cause.xid === cause.xid) one.floor = undefined;
      }
    }
  }

  /** Capture may be acknowledged up to here; undefined: nothing holds back. */
  get floor(): Position | undefined {
    return this.#least().floor;
  }

  /** The commit of the oldest change that wasn't looked at; ms. */
  get since(): number | undefined {
    return this.#least().since;
  }

  /** Something else found this key: has capture told of it? If it hasn't by the time that `doubted` is asked, it won't. */
  doubt(key: Key): void {
    const id = idOf(key);
    if (!this.#waiting.has(id) && !this.#asking.has(id)) this.#doubts.add(id);
  }

  /** How many were never told; forgets them. */
  doubted(): number {
    const n = this.#doubts.size;
    this.#doubts.clear();
    return n;
  }

  /** Forgets rests that are over. */
  tidy(now: number): void {
    for (const [id, until] of this.#resting) if (until <= now) this.#resting.delete(id);
  }

  /** Everything will be looked at anyway. */
  clear(): void {
    this.#known = undefined;
    this.#waiting.clear();
    this.#doubts.clear();
  }

  /** One pass over all, remembered until some of them are through: what is told later is no older. */
  #least(): Least {
    if (this.#known) return this.#known;
    const least: Least = { floor: undefined, since: undefined };
    for (const of of [this.#waiting, this.#asking]) {
      for (const { floor, since } of of.values()) {
        if (floor !== undefined && (least.floor === undefined || floor < least.floor)) least.floor = floor;
        if (least.since === undefined || since < least.since) least.since = since;
      }
    }
    this.#known = least;
    return least;
  }

  /** A suspect joins, or is told again. */
  #note(floor: Position | undefined, since: number): void {
    const known = this.#known;
    if (!known) return;
    if (floor !== undefined && (known.floor === undefined || floor < known.floor)) known.floor = floor;
    if (known.since === undefined || since < known.since) known.since = since;
  }
}

interface Least {
  floor: Position | undefined;
  since: number | undefined;
}

/** Keeps its place in line, and takes the newer cause. One that is kept holds back again: what is kept is an older change. */
function merge(known: Suspect, cause: Cause, others: number, floor: Position | undefined, now: number): void {
  if (known.cause.xid !== cause.xid) known.others += others + 1;
  known.cause = cause;
  if (known.floor !== undefined || floor === undefined) return;
  known.floor = floor;
  known.toldAt = now;
}

/** Postgres has no text that holds NUL. */
const idOf = (key: Key): string =>
  key.length === 1 && key[0] !== null ? (key[0] as string) : key.map(part => part ?? '\0').join('\0,');

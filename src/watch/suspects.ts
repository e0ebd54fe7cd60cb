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
  /** Of the last change. A look counts only in a snapshot that sees it, and all in `unseen`. */
  cause: Cause;
  /** Earlier transactions that changed it (xid8): commits are told in another order than the one in which they can be seen. */
  unseen: readonly string[];
  /** So many earlier transactions changed it since the last look; any of them may be the cause. */
  others: number;
  /** When the first change since the last look was committed; ms. */
  since: number;
  /** When that was told; ms, this process's own clock. */
  toldAt: number;
  /** Capture may be acknowledged up to here while this waits; undefined: it is kept in the database. */
  floor: Position | undefined;
  /** The transaction that wrote its row in the database, if there is one. */
  kept: string | undefined;
}

/** A suspect as it was when it was written to the database. */
export interface Held extends Suspect {
  readonly of: Suspect;
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
  /** Keys that a sweep asks at the moment, and that capture hasn't told. */
  #swept: Set<string> | undefined;
  #known: Least | undefined;
  #early = false;

  get size(): number {
    return this.#waiting.size + this.#asking.size;
  }

  /** @param now this process's own clock, ms */
  touch(key: Key, cause: Cause, floor: Position, now: number): void {
    const id = idOf(key);
    this.#told(id);
    const known = this.#waiting.get(id);
    const since = cause.at.getTime();
    this.#note(floor, since);
    if (known) return again(known, cause, floor, now);
    this.#waiting.set(id, {
      id,
      key,
      cause,
      unseen: none,
      others: 0,
      since,
      toldAt: now,
      floor,
      kept: undefined,
    });
  }

  /** What is kept in the database: by a process before this one, or beside it. */
  load({ key, cause, unseen, since, kept }: Loaded, now: number): void {
    const id = idOf(key);
    const known = this.#waiting.get(id);
    this.#known = undefined;
    if (known) {
      known.kept = kept;
      for (const xid of [cause.xid, ...unseen]) unsee(known, xid);
      known.since = Math.min(known.since, since);
      return;
    }
    const one = {
      id,
      key,
      cause,
      unseen: [...unseen],
      others: 0,
      since,
      toldAt: now,
      floor: undefined,
      kept,
    };
    this.#waiting.set(id, one);
  }

  /** At most `n` that don't rest and whose changes can be seen; they count as unfinished until `done` or `back`. */
  take(n: number, now: number, visible: (xid: string) => boolean): Suspect[] {
    const taken: Suspect[] = [];
    this.#early = false;
    for (const one of this.#waiting.values()) {
      if (taken.length === n) break;
      if ((this.#resting.get(one.id) ?? 0) > now || this.#asking.has(one.id)) continue;
      if (one.unseen.length > 0) one.unseen = one.unseen.filter(xid => !visible(xid));
      if (one.unseen.length === 0 && visible(one.cause.xid)) taken.push(one);
      else this.#early = true;
    }
    // One by one it would shrink, and be made anew each time.
    if (taken.length === this.#waiting.size) this.#waiting.clear();
    else for (const { id } of taken) this.#waiting.delete(id);
    for (const one of taken) this.#asking.set(one.id, one);
    return taken;
  }

  /** The last `take` passed some over, since it couldn't see what changed them. */
  get early(): boolean {
    return this.#early;
  }

  /** Is there any that doesn't rest? */
  ready(now: number): boolean {
    for (const { id } of this.#waiting.values()) if ((this.#resting.get(id) ?? 0) <= now) return true;
    return false;
  }

  /** A key that a suspected row led to: as old as that, and held as far back. */
  pass(key: Key, from: Suspect): void {
    const id = idOf(key);
    this.#told(id);
    this.#note(from.floor, from.since);
    const known = this.#waiting.get(id);
    if (known) {
      merge(known, from);
      known.since = Math.min(known.since, from.since);
      if (from.floor !== undefined && known.floor !== undefined && from.floor < known.floor)
        known.floor = from.floor;
    } else this.#waiting.set(id, { ...from, id, key, unseen: none, kept: undefined });
  }

  /** They were looked at; each rests until `until`. */
  done(suspects: readonly Suspect[], until: number): void {
    this.#known = undefined;
    if (suspects.length === this.#asking.size) this.#asking.clear();
    else for (const { id } of suspects) this.#asking.delete(id);
    if (until > 0) for (const { id } of suspects) this.#resting.set(id, until);
  }

  /** They couldn't be looked at, and rest until `until`; what was told of them meanwhile is merged in. */
  back(suspects: readonly Suspect[], until = 0): void {
    this.done(suspects, until);
    const rest = this.#waiting;
    this.#waiting = new Map(suspects.map(one => [one.id, one]));
    for (const [id, one] of rest) {
      const older = this.#waiting.get(id);
      if (older) merge(older, one);
      else this.#waiting.set(id, one);
    }
  }

  /** Those told before `toldBefore` that still hold capture back, as they are now; each key once. */
  holding(toldBefore: number): Held[] {
    const found: Held[] = [];
    for (const from of [this.#waiting, this.#asking]) {
      for (const [id, of] of from) {
        if (of.floor === undefined || of.toldAt >= toldBefore) continue;
        // One that was told again while it is looked at waits for that.
        if (from === this.#waiting || !this.#waiting.has(id))
          found.push({ ...of, unseen: [...of.unseen], of });
      }
    }
    return found;
  }

  /** They are in the database now, and hold nothing back, but for those that changed meanwhile. */
  letGo(suspects: Iterable<Held>, kept: string | undefined): void {
    this.#known = undefined;
    for (const { of, cause } of suspects) {
      of.kept = kept;
      if (of.cause.xid === cause.xid) of.floor = undefined;
    }
  }

  /** These transactions can be seen from now on: of a key that can't be looked at for long, few are remembered. */
  see(visible: (xid: string) => boolean): void {
    for (const one of this.#waiting.values()) {
      if (one.unseen.length > 0) one.unseen = one.unseen.filter(xid => !visible(xid));
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

  /**
   * A sweep asks of these now. To be called with what it opened: has capture told of those? If it hasn't by the time that
   * `doubted` is asked, it won't.
   */
  doubt(keys: readonly Key[]): (opened: readonly Key[]) => void {
    const swept = new Set(keys.map(idOf).filter(id => !this.#waiting.has(id) && !this.#asking.has(id)));
    this.#swept = swept;
    return opened => {
      for (const id of opened.map(idOf)) if (swept.has(id)) this.#doubts.add(id);
      if (this.#swept === swept) this.#swept = undefined;
    };
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

  /** Everything will be looked at anyway, once these transactions can be seen. */
  clear(): Set<string> {
    const xids = new Set<string>();
    for (const { cause, unseen } of this.#waiting.values()) {
      xids.add(cause.xid);
      for (const xid of unseen) xids.add(xid);
    }
    this.#known = undefined;
    this.#waiting.clear();
    this.#doubts.clear();
    return xids;
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

  #told(id: string): void {
    if (this.#doubts.size > 0) this.#doubts.delete(id);
    this.#swept?.delete(id);
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

/** As it is kept in the database. */
export interface Loaded {
  readonly key: Key;
  readonly cause: Cause;
  readonly unseen: readonly string[];
  /** Ms. */
  readonly since: number;
  readonly kept: string;
}

/** Keeps its place in line, and takes the newer cause. One that is kept holds back again: what is kept is an older change. */
function again(known: Suspect, cause: Cause, floor: Position | undefined, toldAt: number): void {
  if (known.cause.xid !== cause.xid) {
    known.others++;
    unsee(known, known.cause.xid);
  }
  known.cause = cause;
  if (known.floor !== undefined || floor === undefined) return;
  known.floor = floor;
  known.toldAt = toldAt;
}

function merge(known: Suspect, { cause, unseen, others, floor, toldAt, kept }: Suspect): void {
  if (known.cause.xid !== cause.xid) known.others += others;
  again(known, cause, floor, toldAt);
  for (const xid of unseen) unsee(known, xid);
  known.kept = kept ?? known.kept;
}

/** Most suspects are changed once before they are looked at, and share the empty list. */
const none: readonly string[] = [];

function unsee(known: Suspect, xid: string): void {
  if (known.unseen === none) known.unseen = [xid];
  else (known.unseen as string[]).push(xid);
}

/** Postgres has no text that holds NUL. A loop: this is asked for each row. */
export function idOf(key: Key): string {
  let id = key[0] ?? '\0';
  for (let i = 1; i < key.length; i++) id += `\0,${key[i] ?? '\0'}`;
  return id;
}

import type { Bound } from '../ask/bind.ts';
import type { Image, Operation, Origin, Position, Sink, Watched } from './capture/capture.ts';
import type { Path } from './scope/derive.ts';
import { balances as pays } from '../ask/cost.ts';
import { Balances } from './balances.ts';
import { Follower, type Telling } from './follower.ts';
import { type Cause, Suspects } from './suspects.ts';

/** What is suspected of one invariant. */
export interface Watch {
  readonly bound: Bound;
  readonly keys: Suspects;
  readonly lookUps: readonly LookUp[];
  /** Chooses which keys are suspected, where that pays. */
  readonly balances: Balances | undefined;
  /** The keys, and the columns that keys are looked up from. */
  readonly all: readonly Suspects[];
}

/** Columns from which keys are looked up along a path: in the current state, so only once the change is visible. */
export interface LookUp {
  readonly path: Path;
  /** In the order of the path's columns. */
  readonly from: Suspects;
}

/** Why something has to be swept: noted once these transactions can be seen, or the sweep might not see them either. */
export interface Mark {
  readonly why: string;
  readonly xids: ReadonlySet<string>;
}

/** With so many suspects in memory, capture waits; the slot, or the queue, keeps the rest. */
const most = 50_000;

/**
 * Turns what capture tells into suspects. It keeps no rows, only which keys have to be looked at, what can only be looked
 * at as a whole, and up to where capture may be acknowledged meanwhile.
 */
export class Tracer implements Sink {
  readonly #arrived: () => void;
  #watches = new Map<string, Watch>();
  #balances: readonly Balances[] = [];
  #tables = new Map<string, Table>();
  /** Invariants that have to be swept, and why: noted in the database before anything later is acknowledged. */
  #stale = new Map<string, Mark>();
  #lost: { readonly why: string } | undefined;
  #origin: Origin | undefined;
  /** When the transaction under way was begun to be told, by this process's own clock; ms. */
  #clock = 0;
  /** The last transaction that was told completely. */
  #told: Position | undefined;
  #room: { promise: Promise<void>; open: () => void; since: number } | undefined;

  /** Called with the time of each commit that is told; ms, the server's clock. */
  heard: (at: number) => void = () => {};

  /** @param arrived called after each transaction */
  constructor(arrived: () => void) {
    this.#arrived = arrived;
  }

  get watches(): readonly Watch[] {
    return [...this.#watches.values()];
  }

  of(name: string): Watch | undefined {
    return this.#watches.get(name);
  }

  /** From now on these; what is suspected of those that stay as they are is kept, others are swept. */
  follow(bounds: readonly Bound[], watched: readonly Watched[]): void {
    const before = this.#watches;
    for (const { balances } of before.values()) balances?.interrupt();
    this.#watches = new Map(bounds.map(bound => [bound.name, watchOf(bound, before.get(bound.name))]));
    for (const [name, { bound, all }] of before) {
      const now = this.#watches.get(name);
      if (!now || sameScope(now.bound, bound)) continue;
      const gone = all.filter(one => !now.all.includes(one));
      this.sweep(
        name,
        'its definition, or what it reads, changed',
        new Set(gone.flatMap(one => [...one.clear()])),
      );
    }
    this.#balances = this.watches.flatMap(({ balances }) => balances ?? []);
    this.#tables = new Map(watched.map(one => [one.relation.oid, tableOf(this.watches, one)]));
  }

  begin(origin: Origin): void {
    this.#origin = origin;
    this.#clock = performance.now();
  }

  row(
    { relation }: Watched,
    operation: Exclude<Operation, 'truncate'>,
    old: Image | undefined,
    now: Image | undefined,
  ): void {
    const table = this.#tables.get(relation.oid);
    if (!table) return;
    const told = this.#telling(table, relation.quoted, operation);
    for (const follower of table.followers) follower.row(old, now, told);
  }

  all({ relation }: Watched, why: string): void {
    const xids = new Set(this.#origin ? [this.#origin.xid] : []);
    for (const { name } of this.#tables.get(relation.oid)?.followers ?? []) {
      this.#watches.get(name)?.balances?.forget();
      this.sweep(name, why, xids);
    }
  }

  commit(position: Position): void {
    if (this.#origin) this.heard(this.#origin.at.getTime());
    for (const one of this.#balances) one.commit();
    this.#told = position;
    this.#arrived();
  }

  gap(why: string): void {
    for (const { balances } of this.#watches.values()) balances?.forget();
    this.#lost = { why };
    this.#arrived();
  }

  full(): Promise<void> | undefined {
    if (this.size < most) return undefined;
    this.#arrived();
    if (!this.#room) {
      let open = () => {};
      const promise = new Promise<void>(resolve => {
        open = resolve;
      });
      this.#room = { promise, open, since: performance.now() };
    }
    return this.#room.promise;
  }

  /** Where capture has waited for room since before then: what takes up most of it. */
  crowding(before: number): Watch | undefined {
    if (!this.#room || this.#room.since >= before) return undefined;
    return this.watches.reduce((most, one) => (sizeOf(one) > sizeOf(most) ? one : most));
  }

  /** To be called when suspects were looked at, or given up. */
  drained(): void {
    if (!this.#room || this.size > most / 2) return;
    this.#room.open();
    this.#room = undefined;
  }

  /** When the last transaction that was told was committed; ms. */
  get latest(): number {
    return this.#origin?.at.getTime() ?? 0;
  }

  get size(): number {
    let size = 0;
    for (const watch of this.#watches.values()) size += sizeOf(watch);
    return size;
  }

  /** It has to be swept: that is noted before anything later is acknowledged. */
  sweep(name: string, why: string, xids: ReadonlySet<string>): void {
    this.#stale.set(name, { why, xids: new Set([...(this.#stale.get(name)?.xids ?? []), ...xids]) });
  }

  /** Up to when all that was committed was looked at, invariant by invariant. */
  verified(toldUntil: Date): Map<string, Date> {
    return new Map(
      this.watches.map(({ bound, all }) => {
        const since = all.map(one => one.since ?? toldUntil.getTime());
        return [bound.name, new Date(Math.min(...since, toldUntil.getTime()))];
      }),
    );
  }

  /** Nothing is suspected, and nothing was told: another process leads now, or another capture begins. */
  forget(): void {
    this.#watches.clear();
    this.#balances = [];
    this.#tables.clear();
    this.#stale.clear();
    this.#lost = undefined;
    this.#told = undefined;
    this.#origin = undefined;
    this.#room?.open();
    this.#room = undefined;
  }

  /** What has to be swept: invariants by name, or all of them. Forgotten by `noted`. */
  get toSweep(): {
    readonly stale: ReadonlyMap<string, Mark>;
    readonly gap: { readonly why: string } | undefined;
  } {
    return { stale: new Map(this.#stale), gap: this.#lost };
  }

  /** It is noted in the database that they have to be swept; what was told of them since then isn't. */
  noted({ stale, gap }: Tracer['toSweep']): void {
    for (const [name, mark] of stale) if (this.#stale.get(name) === mark) this.#stale.delete(name);
    if (this.#lost === gap) this.#lost = undefined;
  }

  /** Capture may be acknowledged up to here; undefined: nothing was told yet, or a sweep has to be noted first. */
  get floor(): Position | undefined {
    if (this.#told === undefined || this.#stale.size > 0 || this.#lost !== undefined) return undefined;
    let least = this.#told;
    for (const { all } of this.#watches.values()) {
      for (const { floor } of all) {
        if (floor !== undefined && floor < least) least = floor;
      }
    }
    return least;
  }

  /** One object a transaction, table and operation: told rows are compared by it. */
  #telling(table: Table, quoted: string, operation: Operation): Telling {
    const origin = this.#origin;
    if (!origin) throw new Error('a row was told outside a transaction');
    if (table.origin !== origin) {
      table.origin = origin;
      table.tellings = {};
    }
    return (table.tellings[operation] ??= {
      cause: causeOf(origin, quoted, operation),
      floor: this.#told ?? 0n,
      clock: this.#clock,
    });
  }
}

/** Written out, because copying an object is slow and this is done a few times for each transaction. */
function causeOf(origin: Origin, table: string, operation: Operation): Cause {
  if (origin.role !== undefined) return { ...origin, table, operation };
  return { xid: origin.xid, at: origin.at, table, operation };
}

/** Who follows a table, and what goes along with its rows in the transaction under way. */
interface Table {
  readonly followers: readonly Follower[];
  origin: Origin | undefined;
  tellings: Partial<Record<Operation, Telling>>;
}

function watchOf(bound: Bound, before: Watch | undefined): Watch {
  const same = before?.bound.hash === bound.hash ? before : undefined;
  const lookUps = bound.scope.paths
    .filter(path => path.joins.length > 0)
    .map(path => {
      const id = idOf(path);
      const known = same?.lookUps.find(one => idOf(one.path) === id);
      return { path, from: known?.from ?? new Suspects() };
    });
  const keys = same?.keys ?? new Suspects();
  const { scope, costs } = bound;
  const families = bound.key.map(({ family }) => family);
  const balance = pays(costs) ? scope.balance : undefined;
  const balances = balance && new Balances(balance, families, keys);
  return { bound, keys, lookUps, balances, all: [keys, ...lookUps.map(({ from }) => from)] };
}

const sizeOf = ({ all }: Watch): number => all.reduce((sum, one) => sum + one.size, 0);

/** The same rows lead to the same keys. */
const sameScope = (a: Bound, b: Bound): boolean => a.hash === b.hash && scopeOf(a) === scopeOf(b);
const scopeOf = ({ scope }: Bound): string =>
  JSON.stringify([scope.paths.map(idOf), scope.reads.map(({ oid }) => oid)]);

const idOf = ({ relation, columns, key, joins, where }: Path): string =>
  JSON.stringify([relation.oid, columns, key, joins, where]);

const tableOf = (watches: readonly Watch[], watched: Watched): Table => ({
  followers: watches
    .filter(({ bound }) => bound.scope.reads.some(({ oid }) => oid === watched.relation.oid))
    .map(watch => new Follower(watch, watched)),
  origin: undefined,
  tellings: {},
});

import type { Key } from '../ask/ask.ts';
import type { Image, Position, Watched } from './capture/capture.ts';
import { usedColumns } from './capture/plan.ts';
import type { Balances, Reading } from './balances.ts';
import { type Test, mayHold } from './scope/condition.ts';
import type { Path } from './scope/derive.ts';
import { compile } from './scope/keys.ts';
import type { Cause, Suspects } from './suspects.ts';
import type { Watch } from './tracer.ts';

/** What comes with each row that is told. */
export interface Telling {
  readonly cause: Cause;
  readonly floor: Position;
  /** This process's own clock; ms. */
  readonly clock: number;
}

/** From an image to what has to be looked at, or looked up; no key: such a row matters to nothing. */
class Way {
  readonly #tests: readonly { readonly at: number; readonly test: Test }[];
  /** Where the columns that the path starts from stand in an image. */
  readonly #from: readonly number[];
  readonly #keyOf: (image: Image) => Key | undefined;
  readonly #to: Suspects;
  #last: Image | undefined;
  #told: Telling | undefined;

  constructor(path: Path, columns: readonly string[], to: Suspects) {
    this.#tests = path.where
      .map(({ column, test }) => ({ at: columns.indexOf(column), test }))
      .filter(({ at }) => at !== -1);
    const from = path.columns.map(name => columns.indexOf(name));
    this.#from = from;
    this.#keyOf = path.joins.length === 0 ? compile(path, columns) : image => from.map(i => image[i] ?? null);
    this.#to = to;
  }

  /** @param unsure of the row as it was nothing is told: it may have passed, whether this image does or not */
  image(image: Image, told: Telling, unsure = false): void {
    if (!unsure) for (const { at, test } of this.#tests) if (!mayHold(test, image[at])) return;
    // Rows of one transaction come in heaps of one key: told once, it is looked at when all of them can be seen.
    if (this.#told === told && this.#last && alike(this.#last, image, this.#from)) return;
    const key = this.#keyOf(image);
    if (!key) return;
    this.#told = told;
    this.#last = image;
    this.#to.touch(key, told.cause, told.floor, told.clock);
  }
}

/**
 * What one table's rows mean to one invariant. It is called for every changed row, so all that can be known beforehand is
 * worked out here, once. A change that touches no column that is read, or a row that fails a condition, is passed over.
 */
export class Follower {
  /** Of the invariant. */
  readonly name: string;
  readonly #ways: readonly Way[];
  /** Where the columns that are read stand in an image; undefined: not all of them do. */
  readonly #used: readonly number[] | undefined;

  readonly #sums: { readonly reading: Reading; readonly balances: Balances } | undefined;

  constructor({ bound, keys, lookUps, balances }: Watch, watched: Watched) {
    const { relation, columns, extra } = watched;
    this.name = bound.name;
    this.#sums = balances && { reading: balances.reading(watched), balances };
    const all = [...columns, ...extra];
    const own = bound.scope.paths.filter(path => path.relation.oid === relation.oid);
    this.#ways = [
      ...own.filter(path => path.joins.length === 0).map(path => new Way(path, all, keys)),
      ...lookUps
        .filter(({ path }) => path.relation.oid === relation.oid)
        .map(({ path, from }) => new Way(path, all, from)),
    ];
    const used = usedColumns(relation, bound.scope.names)?.map(name => all.indexOf(name));
    this.#used = used?.includes(-1) ? undefined : used;
  }

  row(old: Image | undefined, now: Image | undefined, told: Telling): void {
    if (old && now && this.#unchanged(old, now)) return;
    if (this.#sums) return this.#sums.balances.row(this.#sums.reading, old, now, told);
    for (const way of this.#ways) {
      if (now) way.image(now, told, !old && told.cause.operation === 'update');
      if (old && old !== now) way.image(old, told);
    }
  }

  #unchanged(old: Image, now: Image): boolean {
    if (!this.#used) return false;
    for (const i of this.#used) if (old[i] === undefined || old[i] !== now[i]) return false;
    return true;
  }
}

/** Do they hold the same at these places? */
export function alike(a: Image, b: Image, places: readonly number[]): boolean {
  for (const i of places) if (a[i] !== b[i]) return false;
  return true;
}

import { type Relation, columnOf } from '../../../catalog/relation.ts';
import type { Watched } from '../capture.ts';
import type { Described, Layout } from './pgoutput.ts';

/** A watched table as the stream tells it. */
export interface Table extends Layout {
  readonly watched: Watched;
  /** Of each wanted column, the extra ones last: whether its old value is told where it differs. */
  readonly told: readonly boolean[];
  /** All of the columns, and all of the extra ones too. */
  readonly allTold: boolean;
  readonly extrasTold: boolean;
  /** Wanted columns of which less is told than the catalog said when they were asked for. */
  readonly surprise: string | undefined;
}

/**
 * The layouts of watched tables. A partitioned table is told under its root's name, but what is told of old rows is up to
 * each partition: Postgres describes root and partition, one right behind the other, before the first row of a partition,
 * and a column counts as told of old rows only where every partition so far tells it. (The kind of an old tuple, K or O, is
 * the root's and thus says nothing.)
 */
export class Tables {
  #watched = new Map<number, Watched>();
  readonly #described = new Map<number, Described>();
  readonly #partitions = new Map<number, Map<number, Described>>();
  readonly #layouts = new Map<number, Table | undefined>();
  #root: number | undefined;

  watch(watched: readonly Watched[]): void {
    this.#watched = new Map(watched.map(one => [Number(one.relation.oid), one]));
    this.#layouts.clear();
  }

  describe(described: Described): void {
    const { oid } = described;
    const root = this.#root;
    this.#root = this.#watched.get(oid)?.relation.kind === 'p' ? oid : undefined;
    if (root !== undefined && !this.#watched.has(oid)) {
      const partitions = this.#partitions.get(root) ?? new Map<number, Described>();
      this.#partitions.set(root, partitions.set(oid, described));
      this.#layouts.delete(root);
    } else {
      this.#described.set(oid, described);
      this.#layouts.delete(oid);
    }
  }

  watched(oid: number): Watched | undefined {
    return this.#watched.get(oid);
  }

  layout(oid: number): Table | undefined {
    if (this.#layouts.has(oid)) return this.#layouts.get(oid);
    const watched = this.#watched.get(oid);
    const layout = watched && this.#lay(oid, watched);
    this.#layouts.set(oid, layout);
    return layout;
  }

  #lay(oid: number, watched: Watched): Table {
    const described = this.#described.get(oid);
    if (!described) throw new Error(`pgoutput: a row of a table that was not told (${oid})`);
    const names = described.columns.map(({ name }) => name);
    const { relation, columns, extra } = watched;
    const wanted = [...columns, ...extra];
    const sources = relation.kind === 'p' ? [...(this.#partitions.get(oid)?.values() ?? [])] : [described];
    const told = wanted.map(
      one =>
        sources.length > 0 &&
        sources.every(source => source.columns.some(({ name, identity }) => name === one && identity)),
    );
    const missing = columns.filter(
      (name, i) => !names.includes(name) || (!told[i] && foretold(relation, name)),
    );
    return {
      watched,
      places: Int16Array.from(names, name => wanted.indexOf(name)),
      width: wanted.length,
      told,
      allTold: told.slice(0, columns.length).every(Boolean),
      extrasTold: told.slice(columns.length).every(Boolean),
      surprise: missing.some(name => !columnOf(relation, name)?.generated) ? missing.join(', ') : undefined,
    };
  }
}

/** What `capturePlan` counts on. */
const foretold = (relation: Relation, name: string): boolean =>
  relation.identities.every(({ kind, columns }) => kind === 'f' || columns.includes(name));

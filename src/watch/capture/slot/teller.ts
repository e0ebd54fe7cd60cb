import type { Image, Position, Sink, Watched } from '../capture.ts';
import type { Described, Reader, Tuple } from './pgoutput.ts';
import { type Table, Tables } from './tables.ts';
import { dateOf, fullXid } from './moment.ts';

/** Turns what the stream says into what the sink is told. */
export class Teller implements Reader<Table> {
  readonly #sink: Sink;
  readonly #tables = new Tables();
  /** Tables of which it was said in this transaction that any row may have changed. */
  readonly #all = new Set<Watched>();
  /** To be told in between two transactions. */
  #aside: ((position: Position) => void)[] = [];
  #open = false;
  /** An xid8 of about now. */
  near = 0n;
  /** The end of the last transaction that was told, and when it was committed. */
  told: Position = 0n;
  toldAt: Date | undefined;
  #at: Date | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** A transaction is told in part. */
  get open(): boolean {
    return this.#open;
  }

  watch(watched: readonly Watched[]): void {
    this.#tables.watch(watched);
  }

  /** Tells something that no transaction said: it has to be acknowledged like one, with the one under way if there is. */
  aside(tell: (position: Position) => void): void {
    if (this.#open) {
      this.#aside.push(tell);
      return;
    }
    tell(this.told);
    this.#sink.commit(this.told);
  }

  begin(xid: number, micros: number): void {
    this.#open = true;
    this.#at = dateOf(micros);
    this.#sink.begin({ xid: String(fullXid(xid, this.near)), at: this.#at });
  }

  commit(end: bigint): void {
    this.#open = false;
    if (this.#all.size > 0) this.#all.clear();
    if (this.#aside.length > 0) this.#tellAside(end);
    this.told = end;
    this.toldAt = this.#at;
    this.#sink.commit(end);
  }

  #tellAside(end: bigint): void {
    for (const tell of this.#aside) tell(end);
    this.#aside = [];
  }

  relation(described: Described): void {
    this.#tables.describe(described);
  }

  layout(oid: number): Table | undefined {
    return this.#tables.layout(oid);
  }

  insert(table: Table, now: Tuple): void {
    if (table.surprise !== undefined) return this.#surprised(table);
    this.#sink.row(table.watched, 'insert', undefined, now);
  }

  update(table: Table, old: Tuple | undefined, now: Tuple): void {
    if (table.surprise !== undefined) return this.#surprised(table);
    const { columns } = table.watched;
    for (let i = 0; i < now.length; i++) {
      if (now[i] !== undefined) continue;
      // A long value that didn't change: it is in the old row, if that is told.
      const value = table.told[i] ? old?.[i] : undefined;
      if (value === undefined && i < columns.length)
        return this.#any(table, 'a long value that did not change is not told');
      now[i] = value;
    }
    this.#sink.row(table.watched, 'update', old ? known(table, old) : unchanged(table, now), now);
  }

  delete(table: Table, old: Tuple): void {
    if (table.surprise !== undefined) return this.#surprised(table);
    this.#sink.row(table.watched, 'delete', known(table, old), undefined);
  }

  truncate(oid: number): void {
    const watched = this.#tables.watched(oid);
    if (watched) this.#sink.all(watched, 'it was truncated');
  }

  #surprised(table: Table): void {
    this.#any(table, `less is told of ${table.surprise} than the catalog said`);
  }

  #any({ watched }: Table, why: string): void {
    if (this.#all.has(watched)) return;
    this.#all.add(watched);
    this.#sink.all(watched, why);
  }
}

/** Of an old row the server sends NULL for what it doesn't tell. That is no value: it may have met any condition, and been any other. */
function known({ told, allTold, extrasTold }: Table, old: Tuple): Image {
  if (!allTold || !extrasTold)
    for (let i = 0; i < old.length; i++) if (old[i] === null && !told[i]) old[i] = undefined;
  return old;
}

/** Where no old row is told, the columns that would be told didn't change. */
function unchanged(
  { told, allTold, extrasTold, watched: { columns } }: Table,
  now: Tuple,
): Image | undefined {
  if (!allTold) return undefined;
  return extrasTold ? now : now.map((value, i) => (i < columns.length || told[i] ? value : undefined));
}

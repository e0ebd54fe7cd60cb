/**
 * Reads messages of Postgres's output plugin `pgoutput`, protocol version 1, values as text
 * (https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html). This is the hot path: only wanted
 * columns become strings, and a table that nobody wants is passed over.
 */

/** What a Relation message says. */
export interface Described {
  readonly oid: number;
  readonly columns: readonly {
    readonly name: string;
    /** Part of the replica identity, thus told of old rows; of all columns under REPLICA IDENTITY FULL. */
    readonly identity: boolean;
  }[];
}

/** Where each column of a table goes. */
export interface Layout {
  /** For each column as told, its place in the image; -1: nowhere. */
  readonly places: Int16Array;
  /** Columns of an image. */
  readonly width: number;
}

/** A tuple's wanted columns; `undefined` stands for a long value that didn't change and isn't told. */
export type Tuple = (string | null | undefined)[];

export interface Reader<L extends Layout> {
  /** @param micros when it commits, microseconds since 2000 */
  begin(xid: number, micros: number): void;
  /** @param end right behind the commit record: what is acknowledged, exactly */
  commit(end: bigint): void;
  relation(described: Described): void;
  /** Undefined: rows of this table are passed over. */
  layout(oid: number): L | undefined;
  insert(layout: L, now: Tuple): void;
  /** `old` is undefined where no column of the replica identity changed. */
  update(layout: L, old: Tuple | undefined, now: Tuple): void;
  delete(layout: L, old: Tuple): void;
  truncate(oid: number): void;
}

export class Decoder<L extends Layout> {
  readonly #to: Reader<L>;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  constructor(to: Reader<L>) {
    this.#to = to;
  }

  /** One message, from `at` up to `end`. @throws where it is not what the protocol says */
  message(bytes: Buffer, at: number, end: number): void {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    const tag = this.#byte();
    switch (tag) {
      case 0x49: // I
        return this.#insert();
      case 0x55: // U
        return this.#update();
      case 0x44: // D
        return this.#delete();
      case 0x42: // B
        this.#past(8);
        return this.#begin();
      case 0x43: // C
        this.#past(1 + 8);
        return this.#to.commit(this.#bytes.readBigUInt64BE(this.#past(8)));
      case 0x52: // R
        return this.#relation();
      case 0x54: // T
        return this.#truncate();
      case 0x59: // Y, a type
      case 0x4f: // O, the origin
      case 0x4d: // M, a message for somebody else
        return;
      default:
        throw new Error(`pgoutput: a message of the unknown kind ${tag}`);
    }
  }

  #begin(): void {
    const bytes = this.#bytes;
    const at = this.#past(8 + 4);
    const micros = bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
    this.#to.begin(bytes.readUInt32BE(at + 8), micros);
  }

  #relation(): void {
    const oid = this.#uint32();
    this.#name();
    this.#name();
    this.#past(1);
    const columns = [];
    for (let left = this.#count(); left > 0; left--) {
      const identity = (this.#byte() & 1) === 1;
      columns.push({ name: this.#name(), identity });
      this.#past(4 + 4);
    }
    this.#to.relation({ oid, columns });
  }

  #insert(): void {
    const layout = this.#to.layout(this.#uint32());
    if (!layout) return;
    this.#expect(this.#byte(), 0x4e);
    this.#to.insert(layout, this.#tuple(layout));
  }

  #update(): void {
    const layout = this.#to.layout(this.#uint32());
    if (!layout) return;
    let kind = this.#byte();
    let old: Tuple | undefined;
    if (kind === 0x4b || kind === 0x4f) {
      old = this.#tuple(layout);
      kind = this.#byte();
    }
    this.#expect(kind, 0x4e);
    this.#to.update(layout, old, this.#tuple(layout));
  }

  #delete(): void {
    const layout = this.#to.layout(this.#uint32());
    if (!layout) return;
    const kind = this.#byte();
    if (kind !== 0x4b) this.#expect(kind, 0x4f);
    this.#to.delete(layout, this.#tuple(layout));
  }

  #truncate(): void {
    let left = this.#uint32();
    this.#past(1);
    for (; left > 0; left--) this.#to.truncate(this.#uint32());
  }

  #tuple({ places, width }: Layout): Tuple {
    const bytes = this.#bytes;
    const count = this.#count();
    if (count !== places.length)
      throw new Error(`pgoutput: ${count} columns where ${places.length} were told`);
    const image: Tuple = Array<string | null>(width).fill(null);
    let at = this.#at;
    const last = this.#end;
    for (let i = 0; i < count; i++) {
      const kind = bytes[at++];
      const place = places[i] as number;
      if (kind === 0x74) {
        const start = at + 4;
        at = start + bytes.readUInt32BE(at);
        if (at > last) throw new Error('pgoutput: a value ends behind its message');
        if (place >= 0) image[place] = text(bytes, start, at);
      } else if (kind === 0x75) {
        if (place >= 0) image[place] = undefined;
      } else if (kind !== 0x6e) {
        throw new Error(`pgoutput: a value of the unknown kind ${kind}`);
      }
    }
    this.#past(at - this.#at);
    return image;
  }

  #name(): string {
    const at = this.#at;
    const end = this.#bytes.indexOf(0, at);
    if (end < 0) throw new Error('pgoutput: a name without an end');
    this.#past(end + 1 - at);
    return this.#bytes.toString('utf8', at, end);
  }

  #count(): number {
    return this.#bytes.readUInt16BE(this.#past(2));
  }

  #uint32(): number {
    return this.#bytes.readUInt32BE(this.#past(4));
  }

  #byte(): number {
    return this.#bytes[this.#past(1)] as number;
  }

  /** @returns where these bytes begin; behind the message there is another one */
  #past(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#end) throw new Error('pgoutput: a message that is too short');
    return at;
  }

  #expect(kind: number, wanted: number): void {
    if (kind !== wanted) throw new Error(`pgoutput: a tuple of the unknown kind ${kind}`);
  }
}

/**
 * Most of what is wanted is part of a key: a small whole number, or short and ASCII. A loop is faster than the way into the runtime and
 * back, and numbers are made once.
 */
function text(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > 16) return bytes.toString('utf8', start, end);
  // Not `01`, which is none of a number's texts.
  if (length < 6 && (length === 1 || bytes[start] !== zero)) {
    let number = 0;
    let at = start;
    for (; at < end; at++) {
      const digit = (bytes[at] as number) - zero;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    if (at === end && length > 0) return (numbers[number] ??= String(number));
  }
  let value = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte > 0x7f) return bytes.toString('utf8', start, end);
    value += ascii[byte] as string;
  }
  return value;
}
const ascii = Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code));
const zero = 0x30;
const numbers = Array<string | undefined>(100_000).fill(undefined);

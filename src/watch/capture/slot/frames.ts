/** Is given of a CopyData message the content, from `at` up to `end`; of any other one all of it. */
interface Receiver {
  copyData(bytes: Buffer, at: number, end: number): void;
  other(message: Buffer): void;
}

/**
 * Cuts what a server sends into messages: a byte that says the kind, and four that say the length, themselves included
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html). Each row comes as one, so nothing is made of it
 * but what it says.
 */
export class Frames {
  readonly #to: Receiver;
  /** The beginning of a message, piece by piece: a long one is put together once. */
  #pieces: Buffer[] = [];
  /** Bytes, at least, until there is more to say of it. */
  #missing = 0;

  constructor(to: Receiver) {
    this.#to = to;
  }

  take(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#pieces.length > 0) {
      this.#pieces.push(chunk);
      this.#missing -= chunk.length;
      if (this.#missing > 0) return;
      bytes = Buffer.concat(this.#pieces);
      this.#pieces = [];
    }
    let at = 0;
    let wanted = header;
    while (bytes.length - at >= header) {
      wanted = 1 + bytes.readUInt32BE(at + 1);
      const end = at + wanted;
      if (end > bytes.length) break;
      if (bytes[at] === copyData) this.#to.copyData(bytes, at + header, end);
      else this.#to.other(bytes.subarray(at, end));
      at = end;
      wanted = header;
    }
    if (at === bytes.length) return;
    this.#pieces = [bytes.subarray(at)];
    this.#missing = wanted - (bytes.length - at);
  }
}
const header = 5;
const copyData = 0x64;

import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Position } from '../capture.ts';
import { Frames } from './frames.ts';

/** What pg does for us: the way in, statements, and errors. @types/pg doesn't tell of it. */
interface Wire {
  readonly stream: Socket;
  readonly ssl: unknown;
  once(event: 'connect' | 'sslconnect', listener: () => void): void;
  on(event: 'replicationStart', listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
}

export interface Listener {
  /** A message of the output plugin, from `at` up to `end`. */
  message(bytes: Buffer, at: number, end: number): void;
  /** Everything that was committed up to `end` has been sent. */
  sent(end: Position): void;
  /** Undefined: go on; else nothing is read until then. */
  full(): Promise<void> | undefined;
}

/**
 * Text as it is elsewhere in Evenkeel; names of user types and regclass values qualified. A server that hears nothing of us
 * for 20 s lets go of the slot, so that another process can take it.
 */
const session = `set datestyle = 'ISO, MDY'; set intervalstyle = postgres; set extra_float_digits = 1;
  set bytea_output = hex; set search_path = pg_catalog; set statement_timeout = 0; set lock_timeout = 0;
  set wal_sender_timeout = '20s'`;

/** How often we tell that we are there, and ask the server to do the same. Milliseconds. */
const beatMs = 1_000;
/** How long what was acknowledged may wait for company. */
const batchMs = 100;
/**
 * After a read so long nothing is read: each commit is sent by itself, and a process that wakes for each takes the cores from the
 * application hundreds of times a second. What comes after silence is read at once.
 */
const breathMs = 10;
/** An option of any stream, and so of a socket. */
const unbuffered: object = { readableHighWaterMark: 1 };
/** After so many bytes there is more than what has just been committed, and nothing is waited for. */
const heap = 32_768;
/** A server that says nothing for so long is gone. */
const silenceMs = 60_000;

/** A replication connection: before `start` it takes statements (the simple protocol only), then it streams. */
export class Stream {
  readonly #client: pg.Client;
  readonly #wire: Wire;
  #listener: Listener | undefined;
  #received: Position = 0n;
  #confirmed: Position = 0n;
  #heardAt = 0;
  #paused = false;
  /** Read since the last pause. */
  #bytes = 0;
  #breathing = false;
  #closed = false;
  #broken = false;
  #beat: NodeJS.Timeout | undefined;
  #batch: NodeJS.Timeout | undefined;
  readonly ended: Promise<never>;
  #fail: (error: unknown) => void = () => {};

  constructor(url: string) {
    const config = {
      connectionString: url,
      replication: 'database',
      application_name: 'evenkeel',
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      // Nothing is taken ahead of its turn: while we pause, the system alone keeps what comes, and doesn't wake us.
      stream: () => new Socket(unbuffered),
    };
    this.#client = new pg.Client(config);
    this.#wire = (this.#client as unknown as { connection: Wire }).connection;
    // Before the server has said anything.
    this.#wire.once(this.#wire.ssl ? 'sslconnect' : 'connect', () => this.#divide());
    this.ended = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.ended.catch(() => this.close());
    this.#client.on('error', error => this.#fail(error));
  }

  /** The backend's process id. */
  get pid(): number | undefined {
    return (this.#client as unknown as { processID: number | null }).processID ?? undefined;
  }

  async open(): Promise<void> {
    await this.#client.connect();
    await this.#client.query(session);
  }

  async query<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
    return (await this.#client.query<Row>(text)).rows;
  }

  /** Streams from where the slot was last confirmed: what was received and not confirmed comes again. */
  async start(slot: string, publication: string, listener: Listener): Promise<void> {
    this.#listener = listener;
    const started = new Promise<void>(resolve => this.#wire.on('replicationStart', resolve));
    const running = this.#client
      .query(
        `START_REPLICATION SLOT ${pg.escapeIdentifier(slot)} LOGICAL 0/0
           (proto_version '1', publication_names ${pg.escapeLiteral(pg.escapeIdentifier(publication))})`,
      )
      .then(() => Promise.reject(new Error('the server ended the stream')));
    running.catch(error => this.#fail(error));
    await Promise.race([started, running]);
    this.#heardAt = performance.now();
    this.#beat = setInterval(() => this.#tick(), beatMs);
  }

  /** Everything up to here need not be sent again. Told to the server with the next beat, or in a tenth of a second. */
  confirm(position: Position): void {
    if (position <= this.#confirmed) return;
    this.#confirmed = position;
    this.#batch ??= setTimeout(() => this.#report(false), batchMs);
  }

  /** Says what was confirmed, as far as the connection still takes it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#beat);
    this.#fail(new Error('the stream was closed'));
    const { stream } = this.#wire;
    if (this.#beat && stream.writable) {
      this.#report(false);
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, 500);
        stream.write('', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    clearTimeout(this.#batch);
    await this.#client.end().catch(() => {});
  }

  /** Changes are read here, as they lie; all else is left to pg, message by message. */
  #divide(): void {
    const { stream } = this.#wire;
    const [parse] = stream.listeners('data') as ((bytes: Buffer) => void)[];
    if (!parse) return this.#fail(new Error('pg reads its connection in another way than it did'));
    const frames = new Frames({
      copyData: (bytes, at, end) => this.#take(bytes, at, end),
      other: parse,
    });
    stream.off('data', parse);
    stream.on('data', (read: Buffer) => {
      if (this.#closed || this.#broken) return;
      try {
        frames.take(read);
      } catch (error) {
        // What comes behind it must not be told: it would be acknowledged, and this with it.
        this.#broken = true;
        return this.#fail(error);
      }
      // One look at the sink for each read.
      if (this.#beat) this.#rest(read.length);
    });
  }

  /** 'w': 24 bytes of positions and time, then the plugin's message. 'k': position, time, whether to answer. */
  #take(bytes: Buffer, at: number, end: number): void {
    const kind = bytes[at];
    if (kind === 0x77) this.#listener?.message(bytes, at + 25, end);
    else if (kind === 0x6b) {
      const until = bytes.readBigUInt64BE(at + 1);
      if (until > this.#received) this.#received = until;
      this.#listener?.sent(until);
      if (bytes[at + 17] === 1) this.#report(false);
    } else throw new Error(`replication: a message of the unknown kind ${kind}`);
  }

  /** Nothing is read until there is room; if there is, and little has come, for a moment. */
  #rest(bytes: number): void {
    this.#heardAt = performance.now();
    if (this.#paused || this.#closed) return;
    this.#bytes += bytes;
    const full = this.#listener?.full();
    if (full) return this.#pause(full);
    if (this.#breathing) return;
    this.#breathing = true;
    // Not before all is handed over that was read.
    setImmediate(() => this.#breathe());
  }

  #breathe(): void {
    this.#breathing = false;
    const little = this.#bytes < heap;
    this.#bytes = 0;
    if (little && !this.#paused && !this.#closed) this.#pause(delay(breathMs));
  }

  #pause(until: Promise<void>): void {
    const { stream } = this.#wire;
    this.#paused = true;
    stream.pause();
    const goOn = () => {
      this.#paused = false;
      this.#heardAt = performance.now();
      stream.resume();
    };
    until.then(goOn, error => this.#fail(error));
  }

  #tick(): void {
    if (!this.#paused && performance.now() - this.#heardAt > silenceMs) {
      this.#fail(new Error('the server stopped answering'));
    } else this.#report(true);
  }

  /** Written, flushed and applied up to here, and our clock. */
  #report(answer: boolean): void {
    clearTimeout(this.#batch);
    this.#batch = undefined;
    if (!this.#wire.stream.writable) return;
    const received = this.#received > this.#confirmed ? this.#received : this.#confirmed;
    const status = Buffer.alloc(34);
    status[0] = 0x72;
    status.writeBigUInt64BE(received, 1);
    status.writeBigUInt64BE(this.#confirmed, 9);
    status.writeBigUInt64BE(this.#confirmed, 17);
    status.writeBigInt64BE(BigInt(Date.now() - Date.UTC(2000)) * 1000n, 25);
    status[33] = answer ? 1 : 0;
    this.#wire.sendCopyFromChunk(status);
  }
}

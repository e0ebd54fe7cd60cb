import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dateOf, fullXid, parseLsn } from '../../../src/watch/capture/slot/moment.ts';
import { Decoder, type Layout, type Reader, type Tuple } from '../../../src/watch/capture/slot/pgoutput.ts';

describe('a 32-bit xid gets its epoch from an xid of about the same time', () => {
  const wrap = 2n ** 32n;
  test.each([
    ['in the first epoch', 700n, 690, 690n],
    ['a little ahead of what was known', 700n, 710, 710n],
    ['before the wrap, known after it', 3n * wrap + 5n, 0xffff_fff0, 3n * wrap - 16n],
    ['after the wrap, known before it', 3n * wrap - 5n, 3, 3n * wrap + 3n],
    ['far back', 5n * wrap + 2_000_000_000n, 10, 5n * wrap + 10n],
    ['above the middle of an epoch', 5n * wrap + 3_000_000_000n, 3_000_000_001, 5n * wrap + 3_000_000_001n],
  ])('%s', (_, near, xid, full) => {
    expect(fullXid(xid, near)).toBe(full);
  });

  test('anywhere within half the circle', () => {
    const near = fc.bigInt(2n ** 31n, 2n ** 60n);
    fc.assert(
      fc.property(near, fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), (at, away) => {
        const full = at + BigInt(away);
        expect(fullXid(Number(BigInt.asUintN(32, full)), at)).toBe(full);
      }),
    );
  });
});

test('times count from 2000, positions are two halves', () => {
  expect(dateOf(0).toISOString()).toBe('2000-01-01T00:00:00.000Z');
  expect(dateOf(845_000_000_123_456).toISOString()).toBe('2026-10-11T02:13:20.123Z');
  expect(parseLsn('16/B374D848')).toBe(0x16_b374_d848n);
});

const layout: Layout = { places: Int16Array.of(1, -1, 0), width: 2 };

/** Writes down what it is told. */
class Notes implements Reader<Layout> {
  readonly told: unknown[][] = [];
  begin(xid: number, micros: number): void {
    this.told.push(['begin', xid, micros]);
  }
  commit(end: bigint): void {
    this.told.push(['commit', end]);
  }
  relation(described: unknown): void {
    this.told.push(['relation', described]);
  }
  layout(oid: number): Layout | undefined {
    return oid === 7 ? layout : undefined;
  }
  insert(_: Layout, now: Tuple): void {
    this.told.push(['insert', now]);
  }
  update(_: Layout, old: Tuple | undefined, now: Tuple): void {
    this.told.push(['update', old, now]);
  }
  delete(_: Layout, old: Tuple): void {
    this.told.push(['delete', old]);
  }
  truncate(oid: number): void {
    this.told.push(['truncate', oid]);
  }
}

function decode(bytes: Buffer): unknown[] {
  const notes = new Notes();
  new Decoder(notes).message(bytes, 0, bytes.length);
  return notes.told;
}

const int = (size: number, value: number | bigint) => {
  const bytes = Buffer.alloc(size);
  if (size === 8) bytes.writeBigInt64BE(BigInt(value));
  else bytes.writeUIntBE(Number(value), 0, size);
  return bytes;
};
const string = (text: string) => Buffer.from(`${text}\0`);
const value = (text: string | null | undefined) =>
  text === undefined
    ? Buffer.from('u')
    : text === null
      ? Buffer.from('n')
      : Buffer.concat([Buffer.from('t'), int(4, Buffer.byteLength(text)), Buffer.from(text)]);
const tuple = (kind: string, ...values: (string | null | undefined)[]) =>
  Buffer.concat([Buffer.from(kind), int(2, values.length), ...values.map(value)]);
const message = (tag: string, ...parts: Buffer[]) => Buffer.concat([Buffer.from(tag), ...parts]);

const samples: [Buffer, unknown[]][] = [
  [message('B', int(8, 1), int(8, 2n ** 50n), int(4, 4_000_000_000)), ['begin', 4_000_000_000, 2 ** 50]],
  [message('C', int(1, 0), int(8, 5), int(8, 0x1_0000_0001), int(8, 0)), ['commit', 0x1_0000_0001n]],
  [message('I', int(4, 7), tuple('N', 'a', 'b', 'ü')), ['insert', ['ü', 'a']]],
  [message('U', int(4, 7), tuple('N', 'a', 'b', undefined)), ['update', undefined, [undefined, 'a']]],
  [
    message('U', int(4, 7), tuple('K', 'x', null, null), tuple('N', null, 'b', '')),
    ['update', [null, 'x'], ['', null]],
  ],
  [message('D', int(4, 7), tuple('O', 'a'.repeat(40), 'b', 'c')), ['delete', ['c', 'a'.repeat(40)]]],
  [
    message(
      'R',
      int(4, 7),
      string('public'),
      string('t'),
      Buffer.from('d'),
      int(2, 2),
      int(1, 1),
      string('id'),
      int(4, 23),
      int(4, 0xffffffff),
      int(1, 0),
      string('ä'),
      int(4, 25),
      int(4, 0xffffffff),
    ),
    [
      'relation',
      {
        oid: 7,
        columns: [
          { name: 'id', identity: true },
          { name: 'ä', identity: false },
        ],
      },
    ],
  ],
  [message('T', int(4, 1), int(1, 3), int(4, 9)), ['truncate', 9]],
];

test('numbers and what looks like one', () => {
  for (const text of [
    '0',
    '7',
    '10',
    '99999',
    '100000',
    '007',
    '00',
    '-1',
    '1.5',
    '+1',
    '１',
    '',
    ' 1',
    '1e3',
  ])
    expect(decode(message('I', int(4, 7), tuple('N', text, null, text)))).toEqual([['insert', [text, text]]]);
});

test('each kind of message', () => {
  for (const [bytes, told] of samples) expect(decode(bytes)).toEqual([told]);
  for (const tag of ['Y', 'O', 'M']) expect(decode(Buffer.from(`${tag}whatever`))).toEqual([]);
  // Rows of other tables are passed over unread.
  expect(decode(message('I', int(4, 8), Buffer.from('garbage')))).toEqual([]);
});

test('a message cut off anywhere is an error', () => {
  for (const [bytes, [kind]] of samples) {
    // What stands behind a commit's end is nothing to us.
    const needed = kind === 'commit' ? bytes.length - 8 : bytes.length;
    for (let length = 0; length < needed; length++) {
      expect(
        () => decode(Buffer.from(bytes.subarray(0, length))),
        `${String(kind)} of ${length} bytes`,
      ).toThrow();
      const told = new Notes();
      expect(
        () => new Decoder(told).message(Buffer.concat([bytes, bytes]), 0, length),
        `${String(kind)} of ${length} bytes, with more behind it`,
      ).toThrow();
      expect(told.told.filter(([one]) => one !== 'truncate')).toEqual([]);
    }
  }
});

test('whatever comes, it ends, and either decodes or throws', () => {
  fc.assert(
    fc.property(
      fc.nat(samples.length - 1),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 }),
      (which, changes) => {
        const bytes = Buffer.from(samples[which]![0]);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      },
    ),
    { numRuns: 5_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        decode(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 5_000 },
  );
});

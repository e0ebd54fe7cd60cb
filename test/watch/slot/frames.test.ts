import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Frames } from '../../../src/watch/capture/slot/frames.ts';

interface Message {
  readonly kind: string;
  readonly content: Buffer;
}

function frame({ kind, content }: Message): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(4 + content.length);
  return Buffer.concat([Buffer.from(kind), length, content]);
}

/** What comes out where these bytes are read in pieces that end here. */
function read(bytes: Buffer, ends: readonly number[]): Message[] {
  const messages: Message[] = [];
  const frames = new Frames({
    copyData: (all, at, end) => messages.push({ kind: 'd', content: Buffer.from(all.subarray(at, end)) }),
    other: message => {
      expect(message.readUInt32BE(1)).toBe(message.length - 1);
      messages.push({ kind: message.toString('latin1', 0, 1), content: Buffer.from(message.subarray(5)) });
    },
  });
  let at = 0;
  for (const end of [...ends, bytes.length].filter(end => end <= bytes.length).sort((a, b) => a - b)) {
    frames.take(bytes.subarray(at, end));
    at = end;
  }
  return messages;
}

const messages = fc.array(
  fc.record({
    kind: fc.constantFrom('d', 'd', 'Z', 'N', 'S', 'E'),
    content: fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes)),
  }),
  { maxLength: 12 },
);

test('however the bytes come, the same messages come out', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(500), { maxLength: 30 }), (sent, ends) => {
      expect(read(Buffer.concat(sent.map(frame)), ends)).toEqual(sent);
    }),
    { numRuns: 2_000 },
  );
});

test('byte by byte, and one that is longer than what is read at once', () => {
  const sent = [
    { kind: 'd', content: Buffer.alloc(300_000, 'x') },
    { kind: 'd', content: Buffer.alloc(0) },
    { kind: 'S', content: Buffer.from('a\0b\0') },
  ];
  const bytes = Buffer.concat(sent.map(frame));
  const every = (n: number) => Array.from({ length: Math.floor(bytes.length / n) }, (_, i) => (i + 1) * n);
  for (const ends of [every(1), every(65_536), every(7)]) expect(read(bytes, ends)).toEqual(sent);
});

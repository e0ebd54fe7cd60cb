import { createReadStream } from 'node:fs';
import { EvenkeelError } from '../errors.ts';

/** Line ends within a text. */
export const lineOf = (text: string): number => text.split('\n').length - 1;

/** A part of a text by Postgres's count, which is of whole characters. */
export const part = (text: string, from: number, to: number): string =>
  Array.from(text).slice(from, to).join('');

/**
 * The lines of a file, however large it is.
 * @param file what to call it in errors
 * @throws bad-schema where it isn't text that can be read
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>, file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 0;
  for await (const bytes of pieces(chunks, file)) {
    line += 1;
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch (cause) {
      throw new EvenkeelError('bad-schema', 'it is no text in UTF-8', { place: { file, line }, cause });
    }
    if (text.includes('\0')) {
      throw new EvenkeelError('bad-schema', 'it is no text in UTF-8', { place: { file, line } });
    }
    if (line === 1 && text.startsWith('\uFEFF')) text = text.slice(1);
    yield text.endsWith('\r') ? text.slice(0, -1) : text;
  }
}

async function* pieces(chunks: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer> {
  let open: Buffer[] = [];
  let begun = false;
  for await (const chunk of chunks) {
    if (!begun && chunk.subarray(0, 5).toString('latin1') === 'PGDMP') {
      throw new EvenkeelError('bad-schema', 'it is an archive, and no plain SQL', {
        place: { file },
        hint: `Make plain SQL of it with \`pg_restore --schema-only --file=schema.sql ${file}\`.`,
      });
    }
    begun = true;
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...open, chunk.subarray(from, end)]);
      open = [];
      from = end + 1;
    }
    if (from < chunk.length) open.push(chunk.subarray(from));
  }
  if (open.length > 0) yield Buffer.concat(open);
}

/** @throws bad-schema where it can't be read */
export async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file) as AsyncIterable<Buffer>;
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    const why =
      { ENOENT: 'there is no such file', EISDIR: 'it is a folder' }[code] ?? `it can't be read (${code})`;
    throw new EvenkeelError('bad-schema', why, { place: { file }, cause });
  }
}

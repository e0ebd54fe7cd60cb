import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { transaction } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import { close } from '../types/close.ts';
import { readShapes } from '../types/read.ts';
import { type Told, keyOf, nameable, write } from '../types/write.ts';
import { pinSchemas } from '../ask/each.ts';
import type { Call } from './commands.ts';
import { withSchema } from './database.ts';
import { clean, count } from '../show/text.ts';

/** `evenkeel types` */
export async function run(call: Call): Promise<0> {
  const { given, out } = call;
  const limits = {
    readOnly: true,
    snapshot: true,
    statement: 30_000,
    lock: 2_000,
    idle: 60_000,
    schemas: ['public'],
  };
  const told = await withSchema(call, pool =>
    transaction(pool, limits, async tx => {
      await pinSchemas(tx);
      const found: Told[] = [];
      for (const shape of await readShapes(tx)) found.push({ shape, closing: await close(tx, shape) });
      return found;
    }),
  );
  const text = write(told, command(call));
  if (given.out !== undefined) await put(given.out, text);
  const closed = told.flatMap(one =>
    [...one.closing.closed].map(([column, { values, by }]) => ({
      table: keyOf(one.shape),
      column,
      values,
      by,
    })),
  );
  const open = told.flatMap(one =>
    [...one.closing.open].map(([column, why]) => ({ table: keyOf(one.shape), column, why })),
  );
  const unused = [...new Set(told.flatMap(one => one.closing.unused))].sort();
  if (out.json) {
    out.value({ file: given.out ?? null, tables: told.length, closed, open, unused, text });
    return 0;
  }
  for (const { table, column, why } of open)
    out.note(`${clean(`${table}.${column}`)} stays open: ${clean(why)}`);
  for (const { shape } of told) {
    if (!nameable(shape)) out.note(`${clean(keyOf(shape))} is no name for Kysely: it is not in DB`);
  }
  if (unused.length > 0)
    out.note(`not relied on, because not validated or not enforced: ${clean(unused.join(', '))}`);
  if (given.out === undefined) out.line(text.trimEnd());
  else
    out.line(
      `${given.out}: ${count(told.length, 'table')}, ${count(closed.length, 'column')} closed by their constraints.`,
    );
  return 0;
}

/** The command that writes the same file again. */
function command({ given }: Call): string {
  const flags = (['schema', 'out'] as const).flatMap(name => {
    const value = given[name];
    return value === undefined
      ? []
      : [`--${name}`, /^[\w./@:+-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`];
  });
  return ['npx evenkeel types', ...flags].join(' ');
}

/** @throws wrong-use */
async function put(file: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    throw new EvenkeelError('wrong-use', `--out ${file}: it can't be written (${code})`, { cause });
  }
}

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Counter, findCounter } from '../catalog/counter.ts';
import { type Pool, transaction } from '../db/pool.ts';
import { quote } from '../declare/names.ts';
import { EvenkeelError } from '../errors.ts';

/** No such folder, or nothing in it that a person put there. */
export async function isEmpty(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).every(name => name.startsWith('.'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    return false;
  }
}

/**
 * Writes `example.sql`: of a table of theirs where one looks like counting another's rows, else a template that isn't read
 * until a person has changed it. `real`: it can be asked.
 * @throws no-invariants where the folder can't be written
 */
export async function writeStarter(pool: Pool, folder: string): Promise<{ path: string; real: boolean }> {
  const limits = { readOnly: true, statement: 5_000, lock: 1_000, schemas: ['public'] };
  const counter = await transaction(pool, limits, findCounter);
  const path = join(folder, 'example.sql');
  try {
    await mkdir(dirname(path), { recursive: true });
    // Never over somebody's file.
    await writeFile(path, counter ? counting(counter) : template, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new EvenkeelError(
      'no-invariants',
      `there are no invariants in ${folder}, and a starter can't be written there: ${code}`,
      {
        cause: error,
      },
    );
  }
  return { path, real: counter !== undefined };
}

const about = `
-- This is one invariant: what must be true of one table, and what may be done
-- where it isn't. The lines above are its header, the statement below says
-- how the rows should be. Evenkeel compares them with the table both ways.
--
-- Nothing is written while its mode is observe: change that to heal when you mean
-- it. Run \`evenkeel try\` after each change: it only reads, and shows what would
-- be written. docs/invariants.md tells the rest.
`;

function counting({ table, key, column, child, reference, live }: Counter): string {
  const name = (part: { schema: string; name: string }) =>
    part.schema === 'public' ? quote(part.name) : `${quote(part.schema)}.${quote(part.name)}`;
  const condition = live === undefined ? '' : ` and c.${quote(live)} is null`;
  return `-- evenkeel: should
-- says: ${table.name}.${column} counts the rows of ${child.name}
-- on: ${name(table)}
-- heal: set
-- mode: observe
${about}--
-- It was made from the names of your tables, so it may be wrong: do all of these
-- rows count?

select p.${quote(key)}, count(c.${quote(reference)}) as ${quote(column)}
  from ${name(table)} p
  left join ${name(child)} c on c.${quote(reference)} = p.${quote(key)}${condition}
 group by p.${quote(key)}
`;
}

const template = `-- A template. Put your tables in; then take this line and the next away, and
-- two dashes and a space off the five below.
-- -- evenkeel: should
-- -- says: A topic counts its live posts
-- -- on: topics
-- -- heal: set
-- -- mode: observe
${about}
select t.id, count(p.id) as posts_count
  from topics t
  left join posts p on p.topic_id = t.id and p.deleted_at is null
 group by t.id
`;

import type { Said } from '../call/conclude.ts';
import type { Errand } from '../call/errand.ts';
import { type Ended, asking } from '../call/handle.ts';
import type { Key } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import type { Pool } from '../db/pool.ts';
import type { Source } from '../declare/from.ts';
import { dropRows, mirrorOf, putRows } from './mirror.ts';
import { absent, requireAsked, rowKey, textRows } from './rows.ts';

/** The other system is asked once more before anything is written: its mirror may be older than the row. */
export async function confirm(
  pool: Pool,
  { name, table, key, columns }: Bound,
  source: Source,
  keys: readonly Key[],
  errand: Errand,
): Promise<Ended<readonly Said[]>> {
  return asking(errand, async () => {
    const given = await source.get(
      keys.map(one => rowKey(key, one)),
      errand,
    );
    const mirror = mirrorOf(
      name,
      table,
      key,
      columns.map(column => column.name),
    );
    const rows = textRows(
      given,
      key.map(column => column.name),
      mirror.columns.map(column => column.name),
    );
    requireAsked(rows, keys);
    await putRows(pool, mirror, rows);
    await dropRows(pool, mirror, absent(keys, rows));
    return keys.map(() => ({ do: 'as-declared' }));
  });
}

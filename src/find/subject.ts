import { type Pool, sqlState, transaction } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import type { Key } from '../ask/ask.ts';
import { unknownInvariant } from './overview.ts';

/** What a person names in `hold` and `resume`: an invariant, or one of its subjects. */
export interface Named {
  readonly invariant: string;
  /** Undefined: the invariant itself. */
  readonly key: Key | undefined;
  /** The names of the key's parts. */
  readonly columns: readonly string[];
}

/**
 * `topic-posts`, `topic-posts/42`, `topic-posts 42`; the parts of a composite key are arguments of their own, or separated
 * by commas where none of them holds one.
 * @throws no-such; wrong-use where the key has another number of parts
 */
export async function subjectNamed(pool: Pool, [first = '', ...rest]: readonly string[]): Promise<Named> {
  const slash = first.indexOf('/');
  const invariant = slash < 0 ? first : first.slice(0, slash);
  const parts = slash < 0 ? rest : [first.slice(slash + 1), ...rest];
  const { rows } = await pool.query<{ columns: string[]; types: (string | null)[] }>(
    `select i.key as columns, array(
        select format_type(a.atttypid, a.atttypmod) from unnest(i.key) with ordinality k(name, n)
          left join pg_attribute a on a.attrelid = to_regclass(i.on_table) and a.attname = k.name order by k.n) as types
       from evenkeel.invariant i where i.name = $1`,
    [invariant],
  );
  const [found] = rows;
  if (!found) throw await unknownInvariant(pool, invariant);
  const { columns, types } = found;
  if (parts.length === 0) return { invariant, key: undefined, columns };
  return { invariant, key: await asStored(pool, keyOf(parts, columns), types), columns };
}

/** As the ledger spells it: `042` is the integer 42. A column that is gone, or a value that isn't of its type, is no subject. */
async function asStored(pool: Pool, key: readonly string[], types: readonly (string | null)[]): Promise<Key> {
  if (types.includes(null)) return key;
  try {
    // Dates and numbers are spelled as everywhere in the ledger, whatever this role's settings.
    const limits = { readOnly: true, statement: 5_000, schemas: ['public'] };
    const { rows } = await transaction(pool, limits, tx =>
      tx.query<{ key: string[] }>(
        `select array[${types.map((type, i) => `$${i + 1}::text::${type}::text`).join(', ')}] as key`,
        [...key],
      ),
    );
    return rows[0]?.key ?? key;
  } catch (error) {
    if (!sqlState(error)?.startsWith('22')) throw error;
    throw new EvenkeelError('wrong-use', `that is no key of the type (${types.join(', ')})`, {
      cause: error,
    });
  }
}

/** @throws wrong-use where it has another number of parts */
export function keyOf(parts: readonly string[], columns: readonly string[]): readonly string[] {
  const [only = ''] = parts;
  const split = parts.length === 1 && columns.length > 1 ? only.split(',').map(part => part.trim()) : parts;
  if (split.length === columns.length) return split;
  throw new EvenkeelError(
    'wrong-use',
    `the key is (${columns.join(', ')}): ${split.length} parts were given`,
    {
      hint: 'Give each part as an argument of its own.',
    },
  );
}

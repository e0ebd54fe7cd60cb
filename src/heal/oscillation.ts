import { type Tx, arrayText, ask } from '../db/pool.ts';
import { type Key, keyColumns, keyId } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';

/**
 * Subjects that were healed `most` times within the hour: something keeps breaking them, perhaps another invariant.
 * (Aiken, Hellerstein, Widom 1995 prove when rules can't do this; a monitor at run time catches what isn't provable.)
 * @returns keyId → why, with the other party's name where the journal knows it
 */
export async function oscillating(
  tx: Tx,
  bound: Bound,
  keys: readonly Key[],
  most: number,
): Promise<Map<string, string>> {
  // An appended row is journaled under its own key, everything else under the subject's.
  const mine =
    bound.appends.length > 0 ? "e.subject = k.key and e.key <> e.subject and e.action = 'append'" : own;
  const parts = bound.key.map((_, i) => `k${i}`).join(', ');
  const lists = bound.key.map((_, i) => `$${i + 3}::text[]`).join(', ');
  // Few subjects have as many entries at all: only theirs are looked into.
  const rows = await ask(
    tx,
    `select ${parts}
       from (select ${parts}, array[${parts}] as key from unnest(${lists}) k(${parts})) k
      where (select count(*) from (select from evenkeel.entry e where ${mine} limit $2) e) >= $2
        and (select count(distinct xid) from (
               select xid from evenkeel.entry e
                where ${mine} and e.invariant = $1 and e.because_of is null
                  and e.at > clock_timestamp() - interval '1 hour'
                order by e.id desc limit 2 * $2) x) >= $2`,
    [bound.name, most, ...keyColumns(bound.key.length, keys)],
  );
  const why = new Map<string, string>();
  for (const key of rows) {
    const other = await otherHealer(tx, bound, key);
    why.set(
      keyId(key),
      other
        ? `healed ${most} times within the hour: ${bound.name} and ${other} undo each other`
        : `healed ${most} times within the hour: something keeps breaking it`,
    );
  }
  return why;
}

const own = "e.key = k.key and e.subject = e.key and e.action in ('set', 'insert', 'remove')";

/** Another invariant that wrote the same row within the hour. */
async function otherHealer(tx: Tx, bound: Bound, key: Key): Promise<string | undefined> {
  const rows = await ask(
    tx,
    `select invariant from evenkeel.entry
      where table_name = $1 and key = $2::text[] and invariant <> $3 and at > clock_timestamp() - interval '1 hour'
      order by id desc limit 1`,
    [bound.table.quoted, arrayText(key), bound.name],
  );
  return rows[0]?.[0] ?? undefined;
}

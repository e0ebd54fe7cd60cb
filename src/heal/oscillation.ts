import { type Tx, arrayText, ask } from '../db/pool.ts';
import { type Key, keyId } from '../ask/ask.ts';
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
  const rows = await ask(
    tx,
    `select to_jsonb(k.key)::text, o.invariant
       from (select k::text[] as key from unnest($2::text[]) k) k
       cross join lateral (
         select count(*) as n from (
           select distinct xid from (
             (select xid from evenkeel.entry e
               where e.key = k.key and e.subject = e.key and e.invariant = $1 and e.action in ('set', 'insert', 'remove')
                 and e.because_of is null and e.at > clock_timestamp() - interval '1 hour'
               order by e.id desc limit 2 * $3)
             union all
             (select xid from evenkeel.entry e
               where e.subject = k.key and e.key <> e.subject and e.invariant = $1 and e.action = 'append'
                 and e.because_of is null and e.at > clock_timestamp() - interval '1 hour'
               order by e.id desc limit 2 * $3)) x) y) c
       left join lateral (
         select e.invariant from evenkeel.entry e
          where e.table_name = $4 and e.key = k.key and e.invariant <> $1 and e.at > clock_timestamp() - interval '1 hour'
          order by e.id desc limit 1) o on true
      where c.n >= $3`,
    [bound.name, keys.map(arrayText), most, bound.table.quoted],
  );
  return new Map(
    rows.map(([key, other]) => [
      keyId(JSON.parse(key as string) as Key),
      other
        ? `healed ${most} times within the hour: ${bound.name} and ${other} undo each other`
        : `healed ${most} times within the hour: something keeps breaking it`,
    ]),
  );
}

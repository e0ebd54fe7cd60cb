import type pg from 'pg';
import type { Broken } from './conditions.ts';

/**
 * Ways in which warehouse 1 goes wrong, each in rows and, where conditions count by district, in a district of its own, so
 * that all can be injected together. A statement returns the truth: which conditions it breaks, with the keys.
 */
export interface Fault {
  readonly what: string;
  readonly sql: string;
  /** What is so left of it once the remedies have done what they may: conditions, or none. */
  readonly leaves: readonly number[];
}

/** `breaks` selects (condition, key) from `hit`, the rows that were changed. */
const fault = (what: string, hit: string, breaks: string, leaves: readonly number[] = []): Fault => ({
  what,
  sql: `with ${hit} select condition, key from (${breaks}) broken (condition, key)`,
  leaves,
});

/** The same key for several conditions. */
const each = (conditions: readonly number[], key: string, from = 'hit'): string =>
  `select unnest('{${conditions.join(',')}}'::int[]), concat_ws('/', ${key}) from ${from}`;

const order = 'o_w_id, o_d_id, o_id';
const line = 'ol_w_id, ol_d_id, ol_o_id';
const customer = 'c_w_id, c_d_id, c_id';
const queued = 'no_w_id, no_d_id, no_o_id';
const of = (d: number, name: 'o' | 'ol' | 'no' | 'd' | 'c') =>
  name === 'd' ? `d_w_id = 1 and d_id = ${d}` : `${name}_w_id = 1 and ${name}_d_id = ${d}`;

/** The n-th oldest (from 0) undelivered order of a district; it stays clear of those that deliveries take next. */
const open = (d: number, n: number) =>
  `(select no_o_id from new_order where ${of(d, 'no')} order by no_o_id desc offset ${n + 1} limit 1)`;

/** Moves one line of an order to another, under a number that is free there. */
const moved = (d: number, o: string, toD: number, toO: string) =>
  `source as (select * from order_line where ${of(d, 'ol')} and ol_o_id = ${o} order by ol_number limit 1),
   hit as (update order_line l set ol_d_id = ${toD}, ol_o_id = ${toO}, ol_number = 99 from source s
            where l.ol_w_id = s.ol_w_id and l.ol_d_id = s.ol_d_id and l.ol_o_id = s.ol_o_id and l.ol_number = s.ol_number
           returning l.ol_w_id, l.ol_d_id, l.ol_o_id),
   both_ends as (select ${line} from source union all table hit)`;

const billed = `select o_w_id, o_d_id, o_id, o_c_id from orders join order_line on ol_w_id = o_w_id and ol_d_id = o_d_id and ol_o_id = o_id
   where o_w_id = 1 and ol_delivery_d is not null group by 1, 2, 3, 4 having sum(ol_amount) > 0 order by 1, 2, 3`;

/** A customer of the district with or without delivered orders. */
const owing = (d: number, some: boolean, n = 0) =>
  `(select c.c_id from customer c where c.${of(d, 'c').replaceAll(' and ', ' and c.')} and ${some ? '' : 'not '}exists (
      select from orders where o_w_id = 1 and o_d_id = ${d} and o_c_id = c.c_id and o_carrier_id is not null)
     order by c.c_id offset ${n} limit 1)`;

export const faults: readonly Fault[] = [
  fault(
    'a warehouse has taken too much',
    `hit as (update warehouse set w_ytd = w_ytd + 123.45 where w_id = 1 returning w_id)`,
    each([1, 8], 'w_id'),
  ),
  fault(
    'a district has taken too little',
    `hit as (update district set d_ytd = d_ytd - 10 where ${of(2, 'd')} returning d_w_id, d_id)`,
    `${each([1], 'd_w_id')} union all ${each([9], 'd_w_id, d_id')}`,
  ),
  fault(
    'a balance is off',
    `hit as (update customer set c_balance = c_balance + 50 where ${of(1, 'c')} and c_id = ${owing(1, true)} returning ${customer})`,
    each([10, 12], customer),
  ),
  fault(
    'a balance is off where nothing was delivered',
    `hit as (update customer set c_balance = c_balance - 50 where ${of(1, 'c')} and c_id = ${owing(1, false)} returning ${customer})`,
    each([10, 12], customer),
  ),
  fault(
    'the sum of payments is off',
    `hit as (update customer set c_ytd_payment = 0 where ${of(2, 'c')} and c_id = ${owing(2, true)} returning ${customer})`,
    each([12], customer),
  ),
  fault('a line moved to another order', moved(4, open(4, 1), 4, open(4, 2)), each([6], line, 'both_ends')),
  fault(
    'a line moved to another district',
    moved(5, open(5, 1), 6, open(6, 1)),
    `${each([6], line, 'both_ends')} union all ${each([4], 'ol_w_id, ol_d_id', 'both_ends')}`,
  ),
  fault(
    'a line is lost',
    `hit as (delete from order_line where ${of(7, 'ol')} and ol_o_id = ${open(7, 1)} and ol_number = 1 returning ${line})`,
    `${each([6], line)} union all ${each([4], 'ol_w_id, ol_d_id')}`,
  ),
  fault(
    'an order has no lines',
    `gone as (delete from order_line where ${of(8, 'ol')} and ol_o_id = ${open(8, 1)} returning ${line}),
     hit as (select distinct * from gone)`,
    `${each([6], line)} union all ${each([4], 'ol_w_id, ol_d_id')}`,
  ),
  fault(
    'an order is lost, and its lines are there',
    `hit as (delete from orders where ${of(9, 'o')} and o_id = 1 returning ${order})`,
    `${each([4], 'o_w_id, o_d_id')} union all
     ${each([7], order)}`,
    [4, 7],
  ),
  fault(
    'an undelivered order is no longer queued',
    `hit as (delete from new_order where ${of(1, 'no')} and no_o_id = ${open(1, 2)} returning ${queued})`,
    `${each([5], queued)} union all ${each([3], 'no_w_id, no_d_id')}`,
  ),
  fault(
    'the newest order is not queued',
    `hit as (delete from new_order where ${of(10, 'no')}
        and no_o_id = (select max(no_o_id) from new_order where ${of(10, 'no')}) returning ${queued})`,
    `${each([5], queued)} union all ${each([2], 'no_w_id, no_d_id')}`,
  ),
  fault(
    'a delivered order is queued again',
    `hit as (insert into new_order (no_w_id, no_d_id, no_o_id) values (1, 2, 1) returning ${queued})`,
    `${each([5], queued)} union all ${each([3], 'no_w_id, no_d_id')}`,
    [3, 5],
  ),
  fault(
    'the next order number has jumped',
    `hit as (update district set d_next_o_id = d_next_o_id + 5 where ${of(3, 'd')} returning d_w_id, d_id)`,
    each([2], 'd_w_id, d_id'),
    [2],
  ),
  fault(
    'a line of a delivered order is not delivered',
    `hit as (update order_line set ol_delivery_d = null where ${of(5, 'ol')} and ol_o_id = 2 and ol_number = 1 returning ${line})`,
    each([7], line),
    [7],
  ),
  // Queueing it would deliver and bill it twice. Condition 3 forbids: its number is not among those that are open.
  fault(
    'a delivered order has lost its carrier',
    `hit as (update orders set o_carrier_id = null where ${of(6, 'o')} and o_id = 2 returning ${order})`,
    `${each([5], order)} union all
     ${each([7], order)}`,
    [5, 7],
  ),
  fault(
    'an order went over to another customer',
    `source as (${billed} limit 1),
     hit as (update orders o set o_c_id = 1 + s.o_c_id % (select max(c_id) from customer where c_w_id = 1 and c_d_id = s.o_d_id)
               from source s where o.o_w_id = s.o_w_id and o.o_d_id = s.o_d_id and o.o_id = s.o_id
             returning o.o_w_id, o.o_d_id, o.o_c_id),
     both_ends as (select o_w_id, o_d_id, o_c_id from source union all table hit)`,
    each([10, 12], 'o_w_id, o_d_id, o_c_id', 'both_ends'),
  ),
  fault(
    'the amount of a delivered line changed',
    `source as (${billed} offset 1 limit 1),
     hit as (update order_line set ol_amount = ol_amount + 1 from source
              where ol_w_id = o_w_id and ol_d_id = o_d_id and ol_o_id = o_id and ol_number = 1
             returning o_w_id, o_d_id, o_c_id)`,
    each([10, 12], 'o_w_id, o_d_id, o_c_id'),
  ),
];

/** Commits the faults, each in a transaction of its own. */
export async function inject(
  pool: pg.Pool,
  list: readonly Fault[],
): Promise<{ breaks: Broken; leaves: Broken }> {
  const breaks = new Map<number, Set<string>>();
  const leaves = new Map<number, Set<string>>();
  for (const { what, sql, leaves: left } of list) {
    const { rows } = await pool.query<{ condition: number; key: string }>(sql);
    if (rows.length === 0) throw new Error(`found nothing to break: ${what}`);
    for (const { condition, key } of rows) {
      put(breaks, condition, key);
      if (left.includes(condition)) put(leaves, condition, key);
    }
  }
  return { breaks: sorted(breaks), leaves: sorted(leaves) };
}

function put(map: Map<number, Set<string>>, condition: number, key: string): void {
  map.set(condition, (map.get(condition) ?? new Set()).add(key));
}

const sorted = (map: ReadonlyMap<number, ReadonlySet<string>>): Broken =>
  Object.fromEntries([...map].map(([condition, keys]) => [condition, [...keys].sort()]));

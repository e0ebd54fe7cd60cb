import type pg from 'pg';

/**
 * The consistency conditions of clause 3.3.2 as one full query each, written apart from the invariants so that the one
 * checks the other: a row for each violation, its columns being the key of the invariant of that number. NULL-safe.
 * Condition 11 holds right after the load only (a delivery breaks it), so it is no invariant.
 */
export const conditions: Readonly<Record<number, string>> = {
  1: `select w_id from warehouse where w_ytd is distinct from (select sum(d_ytd) from district where d_w_id = w_id)`,
  2: `select d_w_id, d_id from district
       left join (select o_w_id, o_d_id, max(o_id) as newest from orders group by 1, 2) o on o_w_id = d_w_id and o_d_id = d_id
       left join (select no_w_id, no_d_id, max(no_o_id) as open from new_order group by 1, 2) n on no_w_id = d_w_id and no_d_id = d_id
      where d_next_o_id - 1 is distinct from coalesce(newest, 0) or open <> d_next_o_id - 1`,
  3: `select no_w_id, no_d_id from new_order group by 1, 2 having max(no_o_id) - min(no_o_id) + 1 <> count(*)`,
  4: `select d_w_id, d_id from district
       left join (select o_w_id, o_d_id, sum(o_ol_cnt) as said from orders group by 1, 2) o on o_w_id = d_w_id and o_d_id = d_id
       left join (select ol_w_id, ol_d_id, count(*) as there from order_line group by 1, 2) l on ol_w_id = d_w_id and ol_d_id = d_id
      where coalesce(said, 0) <> coalesce(there, 0)`,
  5: `select coalesce(o_w_id, no_w_id), coalesce(o_d_id, no_d_id), coalesce(o_id, no_o_id)
        from orders full join new_order on no_w_id = o_w_id and no_d_id = o_d_id and no_o_id = o_id
       where (o_id is not null and o_carrier_id is null) <> (no_o_id is not null)`,
  6: `select o_w_id, o_d_id, o_id from orders
       left join (select ol_w_id, ol_d_id, ol_o_id, count(*) as there from order_line group by 1, 2, 3) l
         on ol_w_id = o_w_id and ol_d_id = o_d_id and ol_o_id = o_id
      where o_ol_cnt <> coalesce(there, 0)`,
  7: `select distinct ol_w_id, ol_d_id, ol_o_id
        from order_line left join orders on o_w_id = ol_w_id and o_d_id = ol_d_id and o_id = ol_o_id
       where o_id is null or (ol_delivery_d is null) <> (o_carrier_id is null)`,
  8: `select w_id from warehouse left join (select h_w_id, sum(h_amount) as paid from history group by 1) h on h_w_id = w_id
       where w_ytd <> coalesce(paid, 0)`,
  9: `select d_w_id, d_id from district
       left join (select h_w_id, h_d_id, sum(h_amount) as paid from history group by 1, 2) h on h_w_id = d_w_id and h_d_id = d_id
      where d_ytd <> coalesce(paid, 0)`,
  10: `with delivered as (
         select o_w_id, o_d_id, o_c_id, sum(ol_amount) as total
           from orders join order_line on ol_w_id = o_w_id and ol_d_id = o_d_id and ol_o_id = o_id
          where ol_delivery_d is not null group by 1, 2, 3),
       paid as (select h_c_w_id, h_c_d_id, h_c_id, sum(h_amount) as total from history group by 1, 2, 3)
       select c_w_id, c_d_id, c_id from customer
         left join delivered on o_w_id = c_w_id and o_d_id = c_d_id and o_c_id = c_id
         left join paid on h_c_w_id = c_w_id and h_c_d_id = c_d_id and h_c_id = c_id
        where c_balance <> coalesce(delivered.total, 0) - coalesce(paid.total, 0)`,
  11: `select d_w_id, d_id from district
        where (select count(*) from orders where o_w_id = d_w_id and o_d_id = d_id)
            - (select count(*) from new_order where no_w_id = d_w_id and no_d_id = d_id)
           <> (select count(*) from customer where c_w_id = d_w_id and c_d_id = d_id) * 7 / 10`,
  12: `with delivered as (
         select o_w_id, o_d_id, o_c_id, sum(ol_amount) as total
           from orders join order_line on ol_w_id = o_w_id and ol_d_id = o_d_id and ol_o_id = o_id
          where ol_delivery_d is not null group by 1, 2, 3)
       select c_w_id, c_d_id, c_id from customer
         left join delivered on o_w_id = c_w_id and o_d_id = c_d_id and o_c_id = c_id
        where c_balance + c_ytd_payment <> coalesce(delivered.total, 0)`,
};

export type Broken = Record<number, string[]>;

/** Condition → keys (`1/2/30`) of its violations; conditions that hold are left out. Of one snapshot. */
export async function check(pool: pg.Pool, { loaded = false } = {}): Promise<Broken> {
  const tx = await pool.connect();
  try {
    await tx.query('begin isolation level repeatable read read only');
    const broken: Broken = {};
    for (const [number, text] of Object.entries(conditions)) {
      if (number === '11' && !loaded) continue;
      const { rows } = await tx.query<number[]>({ text, rowMode: 'array' });
      if (rows.length > 0) broken[Number(number)] = rows.map(key => key.join('/')).sort();
    }
    return broken;
  } finally {
    await tx.query('rollback');
    tx.release();
  }
}

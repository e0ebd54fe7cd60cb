-- evenkeel: should
-- says: A district has taken what was paid there
-- on: district
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select d_w_id, d_id, coalesce(sum(h_amount), 0) as d_ytd
  from district left join history on h_w_id = d_w_id and h_d_id = d_id
 group by d_w_id, d_id

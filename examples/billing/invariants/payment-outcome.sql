-- evenkeel: broken
-- says: A payment is no longer pending once the gateway said how it ended
-- on: payments where status in ('PENDING', 'UNKNOWN')
-- heal: set status, status_detail
-- mode: heal
select p.id,
       case n.payload->>'result' when 'captured' then 'SUCCESS' else 'FAILED' end as status,
       n.payload->>'reason' as status_detail
  from payments p
  cross join lateral (
    -- Notifications overtake one another: a late "pending" takes nothing back.
    select g.payload
      from gateway_notifications g
     where g.gateway_ref = p.gateway_ref and g.payload->>'result' in ('captured', 'refused', 'expired')
     order by g.received_at desc, g.id desc
     limit 1) n
 where p.status in ('PENDING', 'UNKNOWN')

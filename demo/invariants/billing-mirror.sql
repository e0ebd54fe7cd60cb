-- evenkeel: should
-- says: The billing service's copy of a subscription is the subscription
-- on: billing_mirror
-- heal: set; insert; remove
-- mode: heal
-- guard: 2000/hour
-- grace: 0s
select id, customer_id, plan, cents, status from subscriptions

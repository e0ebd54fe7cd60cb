import { invariant, park, set, sql } from 'evenkeel';

// What a customer has now: the newest subscription that runs, else the newest one of all.
const current = sql`
  select s.status, s.items, s.current_period_end
    from stripe.subscriptions s
   where s.customer = o.stripe_customer_id
   order by s.status in ('active', 'trialing', 'past_due') desc, s.created desc
   limit 1`;

export const organizationSubscription = invariant('organization-subscription', {
  says: 'An organization has the subscription that the payment provider has of it',
  on: 'organizations where stripe_customer_id is not null',
  should: sql`
    select o.id,
           s.status as subscription_status,
           s.items->0->'price'->>'lookup_key' as subscription_price,
           (s.items->0->'price'->>'unit_amount')::bigint * (s.items->0->>'quantity')::bigint as subscription_cents,
           s.current_period_end as subscription_period_end
      from organizations o
      left join lateral (${current}) s on true
     where o.stripe_customer_id is not null`,
  heal: set(),
  mode: 'heal',
  // The sync writes customers and subscriptions one after the other.
  grace: '1m',
});

export const customerOfNobody = invariant('customer-of-nobody', {
  says: 'A customer of the payment provider who pays belongs to an organization',
  on: 'stripe.customers',
  broken: sql`
    select c.id, c.email, c.metadata->>'organization' as claims
      from stripe.customers c
     where not c.deleted
       and exists (select from stripe.subscriptions s
                    where s.customer = c.id and s.status in ('active', 'trialing', 'past_due'))
       and not exists (select from organizations o where o.stripe_customer_id = c.id)`,
  // An e-mail address or a metadata field is no proof: linking by them would let anybody take over an account.
  heal: park('a person finds out whose it is'),
  mode: 'heal',
});

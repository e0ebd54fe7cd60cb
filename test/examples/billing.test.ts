import { prove } from './prove.ts';

prove('billing', {
  'organization-subscription': [
    {
      what: 'a paying customer without a status, whom a check of subscribers never meets',
      sql: `update organizations set subscription_status = null, subscription_price = null, subscription_cents = null,
                                     subscription_period_end = null where id = 1`,
      finds: {
        1: [
          'differs',
          { subscription_status: 'active', subscription_price: 'team', subscription_cents: '14700' },
        ],
      },
    },
    {
      what: 'believed subscribed, and nothing of it is known there',
      sql: `update organizations set subscription_status = 'active', subscription_cents = 900 where id = 3`,
      finds: { 3: ['differs', { subscription_status: null, subscription_cents: null }] },
    },
    {
      what: 'came back; the old subscription must not win, nor be asked of who pays by invoice',
      sql: `insert into stripe.subscriptions values ('sub_3', 'cus_2', 'past_due',
              '[{"price": {"lookup_key": "team", "unit_amount": 4900}, "quantity": 1}]', '2027-01-01Z', '2025-06-01Z')`,
      finds: { 2: ['differs', { subscription_status: 'past_due', subscription_cents: '4900' }] },
    },
  ],
  'customer-of-nobody': [
    {
      what: 'pays, and no organization has it',
      sql: `insert into stripe.customers values ('cus_9', 'ada@example.org', '{"organization": "1"}');
            insert into stripe.subscriptions values ('sub_9', 'cus_9', 'active', '[]', null, '2026-01-01Z');
            insert into stripe.customers values ('cus_8', 'old@example.org')`,
      finds: { cus_9: ['broken', 'parked'] },
    },
  ],
  'payment-outcome': [
    {
      what: 'the webhook was stored and its handler died',
      sql: `insert into gateway_notifications (gateway_ref, payload) values ('gw_3', '{"result": "captured"}')`,
      finds: { 3: ['broken', { status: 'SUCCESS', status_detail: null }] },
    },
    {
      what: 'refused, of a state that nobody knew; a late "pending" takes nothing back',
      sql: `insert into payments (id, gateway_ref, status) values (5, 'gw_5', 'UNKNOWN'), (6, 'gw_6', 'PENDING');
            insert into gateway_notifications (gateway_ref, payload, received_at) values
              ('gw_5', '{"result": "refused", "reason": "expired_card"}', '2026-01-01Z'),
              ('gw_5', '{"result": "pending"}', '2026-01-02Z'), ('gw_6', '{"result": "pending"}', '2026-01-02Z')`,
      finds: { 5: ['broken', { status: 'FAILED', status_detail: 'expired_card' }] },
    },
  ],
  'payment-silent': [
    {
      what: 'never answered, with a reference and without',
      sql: `update payments set created_at = '2026-01-01Z' where id in (3, 4);
            insert into payments (id, gateway_ref, status, created_at) values (7, 'gw_7', 'UNKNOWN', '2026-01-01Z')`,
      finds: { 4: ['broken', 'parked'], 7: ['broken', 'parked'] },
    },
  ],
  'account-balance': [
    {
      what: 'a balance was lost, and one appeared from nowhere',
      sql: `update accounts set balance = 0 where code = 'cash'; update accounts set balance = 5 where code = 'unused'`,
      finds: { cash: ['differs', { balance: '4400' }], unused: ['differs', { balance: '0' }] },
    },
  ],
  'transfer-balanced': [
    {
      what: 'the second half was never booked; suspense follows',
      sql: `insert into transfers (id, what) values (3, 'refund');
            insert into ledger_entries (transfer_id, account, amount) values (3, 'cash', -250);
            update accounts set balance = 4150 where code = 'cash'`,
      finds: { 3: ['broken', { appended: { transfer_id: '3', account: 'suspense', amount: '250' } }] },
    },
  ],
});

import { prove } from './prove.ts';

prove('warehouse', {
  'stock-balance': [
    {
      what: 'an entry of the past came late, so all that follow are off',
      sql: `insert into stock_ledger_entries (item_code, warehouse, posting_at, actual_qty, qty_after_transaction, voucher_no)
            values ('FLOUR', 'Main', '2026-01-09Z', -10, null, 'DN-4')`,
      finds: {
        9: ['differs', { qty_after_transaction: '50.000000000' }],
        3: ['differs', { qty_after_transaction: '70.000000000' }],
        5: ['differs', { qty_after_transaction: '69.500000000' }],
      },
    },
    {
      what: 'a cancelled one is not asked, nor is a closed period corrected',
      sql: `update stock_ledger_entries set qty_after_transaction = 1 where id in (1, 4)`,
      finds: {},
    },
    {
      what: 'two of one moment, the second wrong',
      sql: `update stock_ledger_entries set qty_after_transaction = 5 where id = 8`,
      finds: { 8: ['differs', { qty_after_transaction: '0.000000000' }] },
    },
  ],
  'stock-queue': [
    {
      what: 'a layer was lost',
      sql: `update stock_ledger_entries set stock_queue = '[[60, 1.5]]' where id = 3`,
      finds: { 3: ['broken', 'parked'] },
    },
    {
      what: 'no queue where something lies',
      sql: `update stock_ledger_entries set stock_queue = null where id = 6`,
      finds: { 6: ['broken', 'parked'] },
    },
  ],
  'bin-quantity': [
    {
      what: 'an increment was lost',
      sql: `update bins set actual_qty = 80 where item_code = 'FLOUR' and warehouse = 'Main'`,
      finds: { 'FLOUR|Main': ['differs', { actual_qty: '79.500000000', reserved_qty: '3.000000000' }] },
    },
    {
      what: 'nothing was ever moved there',
      sql: `update bins set actual_qty = -2 where item_code = 'SUGAR'`,
      finds: { 'SUGAR|Main': ['differs', { actual_qty: '0.000000000' }] },
    },
    {
      what: 'no bin',
      sql: `delete from bins where warehouse = 'Shop'`,
      finds: { 'FLOUR|Shop': ['missing', { actual_qty: '0.500000000', reserved_qty: '0.000000000' }] },
    },
  ],
  'voucher-balanced': [
    {
      what: 'a side is missing',
      sql: `delete from gl_entries where voucher_no = 'PR-2' and account = 'Creditors'`,
      finds: { 'PR-2': ['broken', 'parked'] },
    },
    {
      what: 'a cent',
      sql: `update gl_entries set credit = 0.76 where voucher_no = 'DN-2' and account = 'Stock'`,
      finds: { 'DN-2': ['broken', 'parked'] },
    },
  ],
});

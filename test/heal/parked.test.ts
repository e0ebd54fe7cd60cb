import { expect, test } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { stageOn } from '../support/stage.ts';

test('a person is told although somebody holds the row', async () => {
  const db = await freshDatabase();
  await db.sql(
    'create table vouchers (id int primary key, off numeric); insert into vouchers values (1, 0.01)',
  );
  const stage = await stageOn(db, {
    balanced: `-- evenkeel: broken
-- says: A voucher balances
-- on: vouchers
-- heal: park an accountant decides
-- mode: heal
-- grace: 0s
select id, off from vouchers where off <> 0`,
  });
  await stage.sweep();
  const app = await db.client();
  await app.query('begin; select from vouchers for update');
  await stage.heal('balanced');
  expect(await db.sql('select state, reason from evenkeel.violation')).toEqual([
    { state: 'parked', reason: 'an accountant decides' },
  ]);
});

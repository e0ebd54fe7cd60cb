/**
 * Sums that balance: what the tracer suspects by adding up what transactions changed is all that the full query finds.
 * Told by a slot and by triggers as they are in production; concurrent transactions that keep both sides in step, and some that don't.
 */
import { randomInt } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import type { Bound } from '../../src/ask/bind.ts';
import { transaction } from '../../src/db/pool.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createLog } from '../../src/log.ts';
import { SlotCapture } from '../../src/watch/capture/slot/capture.ts';
import { TriggerCapture } from '../../src/watch/capture/trigger/trigger.ts';
import { freshDatabase } from '../support/database.ts';
import { bindOn, broken, should } from '../watch/binding.ts';
import { CaptureHearing } from './soundness/captured.ts';
import { Crowd } from './soundness/crowd.ts';
import { type Ledger, Trace, note, truth } from './soundness/ledger.ts';
import { tapeOf } from './soundness/trial.ts';
import type { Tape } from './tape.ts';

const seed = Number(process.env['EVENKEEL_TEST_SEED'] ?? randomInt(2 ** 31));
const rounds = process.env['EVENKEEL_TEST_SOAK'] === '1' ? 3_000 : 100;

const schema = `
  create table shops (a int, b text, total numeric(12,2) default 0, paid int default 0, stock int default 0, visits int default 0, name text, primary key (a, b));
  create table sales (id int generated always as identity primary key, a int, b text, amount numeric(12,2), pieces int, state text);
  create table moves (id int generated always as identity primary key, source int, sb text, target int, tb text, pieces int);
  -- Of its old rows only the key is told.
  create table visits (id int generated always as identity, a int, b text, state text, primary key (a, b, id));
  alter table sales replica identity full; alter table moves replica identity full;
  insert into shops select g, c from generate_series(1, 3) g, unnest('{x,"y z"}'::text[]) c`;

const sold = 'from sales l where l.a = s.a and l.b = s.b';
const files = {
  joined: should(
    'shops',
    `select s.a, s.b, coalesce(sum(l.amount), 0) as total, count(l.id) filter (where l.state = 'paid') as paid
    from shops s left join sales l on l.b = s.b and l.a = s.a group by s.a, s.b`,
  ),
  selected: should(
    'shops',
    `select s.a, s.b, coalesce((select sum(l.amount * l.pieces) ${sold} and l.pieces is not null), 0)
    - (select coalesce(sum(l.amount * l.pieces), 0) ${sold}) + (select coalesce(sum(amount), 0) ${sold}) as total from shops s`,
  ),
  moved: should(
    'shops',
    `select s.a, s.b, (select coalesce(sum(m.pieces), 0) from moves m where m.target = s.a and m.tb = s.b)
    - (select coalesce(sum(m.pieces), 0) from moves m where m.source = s.a and m.sb = s.b) as stock from shops s`,
  ),
  compared: broken(
    'shops',
    `select a, b, said, there from (select s.a, s.b, s.paid as said,
    (select count(*) ${sold} and l.state = 'paid') as there from shops s) x where said <> there`,
  ),
  visited: should(
    'shops',
    `select s.a, s.b, (select count(*) from visits v where v.a = s.a and v.b = s.b and v.state = 'paid') as visits from shops s`,
  ),
  distinct: broken(
    'shops',
    `select s.a, s.b from shops s where s.total is distinct from (select coalesce(sum(amount), 0) ${sold})`,
  ),
};

const shop = (tape: Tape) => ({ a: 1 + tape.int(4), b: tape.pick([`'x'`, `'y z'`]) });

/** A statement or a few: `sale` keeps its shop in step. */
function deed(tape: Tape): string {
  const [one, other] = [shop(tape), shop(tape)];
  const amount = tape.pick(['1.50', '2', '-0.25', '1.5']);
  const state = tape.pick([`'paid'`, `'open'`, 'null']);
  const paid = state === `'paid'` ? 1 : 0;
  const here = `a = ${one.a} and b = ${one.b}`;
  const some = `(select min(id) from sales where id > ${tape.int(60)})`;
  switch (
    tape.weighed({
      sale: 8,
      move: 5,
      gone: 3,
      wrong: 2,
      lost: 1,
      odd: 1,
      state: 3,
      moved: 2,
      shop: 1,
      key: 1,
      name: 2,
      nothing: 1,
      visit: 4,
      visited: 4,
      null: 2,
      zero: 2,
    })
  ) {
    case 'sale':
      return `insert into sales (a, b, amount, pieces, state) values (${one.a}, ${one.b}, ${amount}, ${tape.pick(['1', '2', 'null'])}, ${state});
        update shops set total = total + ${amount}, paid = paid + ${paid} where ${here}`;
    case 'move':
      return `insert into moves (source, sb, target, tb, pieces) values (${one.a}, ${one.b}, ${other.a}, ${other.b}, 2);
        update shops set stock = stock - 2 where ${here}; update shops set stock = stock + 2 where a = ${other.a} and b = ${other.b}`;
    case 'gone':
      return `with gone as (delete from sales where id = ${some} returning *)
        update shops s set total = s.total - coalesce(g.amount, 0), paid = s.paid - coalesce((g.state = 'paid')::int, 0) from gone g where s.a = g.a and s.b = g.b`;
    case 'wrong':
      return `update shops set total = total + ${amount}, paid = paid + ${paid}, stock = stock + ${tape.int(2)} where ${here}`;
    case 'lost':
      return `insert into sales (a, b, amount, pieces, state) values (${one.a}, ${one.b}, ${amount}, 1, ${state})`;
    case 'odd':
      return tape.pick([
        `update sales set amount = null, pieces = null where id = ${some}`,
        `update sales set amount = 'NaN' where id = ${some}`,
        `update shops set total = 'NaN' where ${here}`,
        `update shops set total = null, paid = null where ${here}`,
        `update sales set a = null where id = ${some}`,
      ]);
    case 'state':
      return `with was as (select * from sales where id = ${some} for update), now as (
          update sales l set state = ${state} from was where l.id = was.id returning l.a, l.b, coalesce((l.state = 'paid')::int, 0) - coalesce((was.state = 'paid')::int, 0) as more)
        update shops s set paid = paid + more from now where s.a = now.a and s.b = now.b`;
    case 'moved':
      return `update sales set a = ${one.a}, b = ${one.b} where id = ${some}`;
    case 'shop':
      return tape.pick([
        `insert into shops values (${one.a}, ${one.b}, 0) on conflict do nothing`,
        `delete from shops where ${here}`,
        `insert into shops values (${one.a}, ${one.b}, 1, 0, 0) on conflict (a, b) do update set total = (select coalesce(sum(amount), 0) from sales where sales.a = shops.a and sales.b = shops.b)`,
      ]);
    case 'key':
      return `update shops set a = ${other.a}, b = ${other.b} where ${here} and not exists (select from shops where a = ${other.a} and b = ${other.b})`;
    case 'name':
      return `update shops set name = name || 'x', total = total where ${here}`;
    case 'visit':
      return `insert into visits (a, b, state) values (${one.a}, ${one.b}, ${state}); update shops set visits = visits + ${paid} where ${here}`;
    case 'visited':
      return tape.pick([
        `update visits set state = ${state} where id = (select min(id) from visits where id > ${tape.int(40)})`,
        `delete from visits where id = (select min(id) from visits where id > ${tape.int(40)})`,
      ]);
    case 'null':
      return `update shops set total = nullif(total, 0), stock = nullif(stock, 0), visits = nullif(visits, 0) where ${here}`;
    case 'zero':
      return `update shops set total = coalesce(total, 0), stock = coalesce(stock, 0), visits = coalesce(visits, 0) where ${here}`;
    case 'nothing':
      return `update sales set pieces = pieces where id = ${some}`;
  }
}

test.each(['slot', 'triggers'])(
  `sums that balance are asked where they may not: by %s (EVENKEEL_TEST_SEED=${seed})`,
  { timeout: 12 * 3_600_000 },
  async by => {
    const db = await freshDatabase();
    await db.sql(schema);
    await migrate(db.pool);
    // As dear as sums over many rows are.
    const bounds = Object.values(await bindOn(db, files)).map((bound): Bound => ({
      ...bound,
      costs: { ...bound.costs, lateral: 5_000 },
    }));
    expect(bounds.filter(({ scope }) => !scope.balance).map(({ name }) => name)).toEqual([]);
    const capture =
      by === 'slot'
        ? new SlotCapture({ pool: db.pool, url: db.url, log: createLog('quiet'), maxLag: 2 ** 32 })
        : new TriggerCapture(db.pool);
    const hearing = new CaptureHearing(db.pool, capture);
    onTestFinished(() => hearing.stop());
    expect(await hearing.start(undefined, bounds)).toEqual(new Set());
    const crowd = await Crowd.gather(db, 4);
    const tape = tapeOf(seed);
    const kept: { bound: Bound; trace: Trace; ledger: Ledger }[] = [];
    for (const bound of bounds) kept.push({ bound, trace: new Trace(bound), ledger: await ask(bound) });
    let [changed, asked, told] = [0, 0, 0];
    function ask(bound: Bound) {
      return transaction(db.pool, { statement: 10_000, schemas: ['public'], snapshot: true }, tx =>
        truth(tx, bound),
      );
    }
    for (let round = 0; round < rounds; round++) {
      crowd.history = [];
      const look = async () => {
        const heard = await hearing.hear();
        expect(heard.all.size).toBe(0);
        told += heard.transactions.length;
        for (const { bound, trace, ledger } of kept)
          await transaction(db.pool, { statement: 10_000, schemas: ['public'], snapshot: true }, async tx => {
            const keys = (await trace.keys(tx, heard)) ?? new Map();
            asked += keys.size;
            if (keys.size > 0) await note(tx, bound, ledger, keys);
          });
      };
      await crowd.act(tape, 24, () => deed(tape), look);
      await look();
      for (const one of kept) {
        const truly = await ask(one.bound);
        // What a violation says in numbers may be older; which there are may not.
        expect(
          [...one.ledger.keys()].sort(),
          `round ${round}, ${one.bound.name}\n${crowd.history.join('\n')}`,
        ).toEqual([...truly.keys()].sort());
        if (truly.size > 0) changed++;
        one.ledger = truly;
      }
    }
    console.log({ changed, asked, told, ...crowd.done });
    expect(changed).toBeGreaterThan(rounds);
  },
);

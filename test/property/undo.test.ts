import fc from 'fast-check';
import type pg from 'pg';
import { expect, test } from 'vitest';
import type { Bound } from '../../src/ask/bind.ts';
import { undo } from '../../src/journal/undo.ts';
import { type Shop, shop } from './shop.ts';
import { type Log, enter, keep, open, settle, write } from './storm.ts';
import { Tape, cases } from './tape.ts';

const runs = cases(120);
const { pool, sql, writers } = await enter();
const list = (length: number) =>
  fc.noBias(fc.array(fc.nat(9999), { minLength: length, maxLength: length, size: 'max' }));

test('undo brings back the text of every column', { timeout: 3_600_000 }, async () => {
  const done = { cases: 0, undone: 0, set: 0, insert: 0, remove: 0, append: 0, effect: 0, chained: 0 };
  await fc.assert(
    fc.asyncProperty(list(60), list(250), async (shape, deeds) => {
      const made = shop(new Tape(shape));
      const bounds = await open(pool, made);
      await sql('insert into g values (1), (2)');
      const log: Log = { hits: 0, gone: 0, drops: 0, failed: [] };
      await write(writers[0] as pg.Client, made, new Tape(deeds), 40, log);
      const before = await picture(made);
      await settle(pool, bounds);
      const entries = await sql('select * from evenkeel.entry order by id');
      const after = await picture(made);

      const ids = entries.map(one => String(one.id));
      const dry = await undo(pool, { entries: ids, dryRun: true }, 'somebody');
      expect(await picture(made), 'a dry run wrote').toEqual(after);
      const report = await undo(pool, { entries: ids, dryRun: false }, 'somebody');
      expect(report.refused, explain(made, entries)).toEqual([]);
      expect(dry.restored.length).toBeLessThanOrEqual(report.restored.length);
      expect(await picture(made), explain(made, entries)).toEqual(before);

      await leftAlone(bounds);
      done.cases++;
      for (const { action, because_of } of entries as { action: 'set'; because_of: string | null }[]) {
        done[action]++;
        if (because_of) done.chained++;
      }
      if (entries.length > 0) done.undone++;
    }),
    { numRuns: runs, endOnFailure: true },
  );
  console.log(JSON.stringify(done));
  expect(Math.min(done.undone, done.set)).toBeGreaterThanOrEqual(100);
  expect(Math.min(done.insert, done.append, done.remove)).toBeGreaterThanOrEqual(10);
});

/**
 * Every column's text, of every table. Compensations are reversed by appending, so of the ledger the sums count; what
 * the audit trigger and the version trigger wrote they write again.
 */
async function picture({ key, ref }: Shop): Promise<unknown> {
  const order = (names: readonly string[]) => names.join(', ');
  return {
    p: await sql(
      `select ${[...key, 'g_id', 'n', 'total', 'paid', 'status', 'head', 'hits', 'label'].map(name => `${name}::text`).join(', ')} from p order by ${order(key)}`,
    ),
    g: await sql('select g::text from g order by id'),
    c: await sql('select c::text from c order by id'),
    m: await sql(`select m::text from m order by ${order(ref)}`),
    l: await sql(
      `select ${order(ref)}, sum(amount)::text from l group by ${order(ref)} having sum(amount) <> 0 order by ${order(ref)}`,
    ),
  };
}

/** Whatever was undone is not healed again; other invariants may have more to say of the world as it was. */
async function leftAlone(bounds: readonly Bound[]): Promise<void> {
  const [{ last }] = await sql('select coalesce(max(id), 0)::int as last from evenkeel.entry');
  await keep(pool, bounds, () => true);
  const again = await sql(
    `select invariant, subject, action, because_of from evenkeel.entry e where id > $1
        and exists (select from evenkeel.entry u where u.undone_by is not null and u.invariant = e.invariant and u.subject = e.subject)`,
    [last],
  );
  expect(again).toEqual([]);
}

const explain = (made: Shop, entries: readonly unknown[]) =>
  `${made.invariants.map(one => `${one.name}: ${one.sql}`).join('\n')}\n${made.ddl}\n${entries.map(one => JSON.stringify(one)).join('\n')}`;

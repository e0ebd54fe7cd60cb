/** Where chunks end: keys are walked in the order of their type, through an index. */
import { expect, test } from 'vitest';
import { nextKey } from '../../src/ask/question.ts';
import { nextEdge } from '../../src/watch/edge.ts';
import { freshDatabase } from '../support/database.ts';
import { bindOn, inTransaction, should } from './binding.ts';

test('the n-th key is the n-th number, not the n-th text', async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, b int); insert into t select g, 1 from generate_series(1, 2000) g;
    create table u (x int, id int, b int, primary key (x, id)); insert into u select g % 3, g, 1 from generate_series(1, 300) g;
    analyze`);
  const { one, two } = await bindOn(db, {
    one: should('t', 'select id, 1 as b from t'),
    two: should('u', 'select x, id, 1 as b from u'),
  });
  if (!one || !two) throw new Error('not bound');
  await inTransaction(db, async tx => {
    expect(await nextEdge(tx, one, undefined, 100)).toEqual(['100']);
    expect(await nextEdge(tx, one, ['100'], 1000)).toEqual(['1100']);
    expect(await nextEdge(tx, one, ['1100'], 1000)).toBe(undefined);
    expect(await nextEdge(tx, two, undefined, 101)).toEqual(['1', '1']);
    expect(await nextEdge(tx, two, ['1', '1'], 5)).toEqual(['1', '16']);
    const plan = await tx.query(`explain ${nextKey(one, true)}`, [100, '7']);
    expect(JSON.stringify(plan.rows)).not.toContain('Sort');
  });
  // An estimate of a hundredth is one of a hundredth.
  expect(one.costs.range).toBeLessThan(one.costs.whole / 4);
});

test('where the governed table has none, keys of the rows that refer to it are counted in their own order', async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, n int); create table part (id int primary key, t int);
    create index on part (t); insert into part select g, g from generate_series(1, 5000) g; analyze`);
  const { plain } = await bindOn(db, {
    plain: should('t', 'select t as id, count(*)::int as n from part group by t'),
  });
  if (!plain) throw new Error('not bound');
  const injections = [{ table: 'public.part', column: 't' }] as unknown as typeof plain.scope.injections;
  const counted = { ...plain, scope: { ...plain.scope, injections } };
  await inTransaction(db, async tx => {
    expect(await nextEdge(tx, counted, undefined, 50)).toEqual(['1000']);
    expect(await nextEdge(tx, counted, ['1000'], 50)).toEqual(['2000']);
  });
});

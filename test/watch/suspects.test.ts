import { describe, expect, test } from 'vitest';
import { visibleIn } from '../../src/watch/visible.ts';
import { type Cause, Suspects } from '../../src/watch/suspects.ts';

const cause = (xid: number, at = xid): Cause => ({
  xid: String(xid),
  at: new Date(at),
  table: 'public.t',
  operation: 'update',
});
const all = () => true;
const ids = (suspects: readonly { id: string }[]) => suspects.map(({ id }) => id);

describe('suspects', () => {
  test('are merged by key, keep their place, and name the last cause', () => {
    const suspects = new Suspects();
    suspects.touch(['1'], cause(10), 5n, 0);
    suspects.touch(['2'], cause(10), 5n, 0);
    suspects.touch(['1'], cause(11), 6n, 0);
    suspects.touch(['1'], cause(11), 6n, 0);
    expect(suspects.size).toBe(2);
    const [first] = suspects.take(9, 0, all);
    expect(first).toMatchObject({ id: '1', others: 1, since: 10, floor: 5n, cause: { xid: '11' } });
  });

  test('hold capture back until they were looked at, also while that goes on', () => {
    const suspects = new Suspects();
    suspects.touch(['1'], cause(10), 5n, 0);
    suspects.touch(['2'], cause(11), 6n, 0);
    expect(suspects.floor).toBe(5n);
    const taken = suspects.take(1, 0, all);
    expect([ids(taken), suspects.floor]).toEqual([['1'], 5n]);
    suspects.touch(['1'], cause(12), 7n, 0);
    suspects.done(taken, 0);
    // What was told during the look is looked at again.
    expect([suspects.floor, suspects.since, suspects.size]).toEqual([6n, 11, 2]);
  });

  test('that could not be looked at come back in front, merged with what was told meanwhile', () => {
    const suspects = new Suspects();
    suspects.touch(['1'], cause(10), 5n, 0);
    const taken = suspects.take(1, 0, all);
    suspects.touch(['2'], cause(11), 6n, 0);
    suspects.touch(['1'], cause(12), 7n, 0);
    suspects.back(taken);
    const again = suspects.take(9, 0, all);
    expect(again).toMatchObject([
      { id: '1', floor: 5n, others: 1, cause: { xid: '12' } },
      { id: '2', floor: 6n },
    ]);
  });

  test('rest after a look; others come first', () => {
    const suspects = new Suspects();
    suspects.touch(['hot'], cause(10), 5n, 0);
    suspects.done(suspects.take(1, 0, all), 100);
    suspects.touch(['hot'], cause(11), 6n, 0);
    expect([suspects.ready(50), suspects.take(9, 50, all)]).toEqual([false, []]);
    suspects.touch(['cold'], cause(12), 7n, 50);
    expect(ids(suspects.take(9, 50, all))).toEqual(['cold']);
    expect(suspects.floor).toBe(6n);
    expect(ids(suspects.take(9, 100, all))).toEqual(['hot']);
  });

  test('wait for a snapshot that sees the change', () => {
    const suspects = new Suspects();
    suspects.touch(['1'], cause(10), 5n, 0);
    expect(suspects.take(9, 0, visibleIn('10:12:10'))).toEqual([]);
    expect(ids(suspects.take(9, 0, visibleIn('11:12:')))).toEqual(['1']);
  });

  test('that are kept in the database hold nothing back, unless they changed while they were written', () => {
    const suspects = new Suspects();
    suspects.touch(['1'], cause(10), 5n, 0);
    suspects.touch(['2'], cause(10), 5n, 0);
    const kept = suspects.holding(1);
    suspects.touch(['2'], cause(11), 6n, 0);
    suspects.letGo(kept, '900');
    expect(suspects.floor).toBe(5n);
    suspects.letGo(suspects.holding(1), '901');
    expect(suspects.floor).toBe(undefined);
    // A later change isn't covered by what is kept.
    suspects.touch(['1'], cause(12), 8n, 3);
    expect(suspects.floor).toBe(8n);
    expect(suspects.holding(3)).toEqual([]);
  });

  test('NULL is a key part like any other, and not the empty text', () => {
    const suspects = new Suspects();
    for (const key of [[null], [''], ['a', null], ['a', ''], [null, 'a'], ['\0n'.slice(1), 'a']]) {
      suspects.touch(key, cause(10), 5n, 0);
    }
    expect(suspects.size).toBe(6);
  });

  test('doubts go when capture tells of the key', () => {
    const suspects = new Suspects();
    suspects.touch(['waiting'], cause(9), 1n, 0);
    const keys = ['waiting', 'meanwhile', 'told', 'never', 'right'].map(key => [key]);
    const opened = suspects.doubt(keys);
    suspects.touch(['meanwhile'], cause(10), 5n, 0);
    suspects.done(suspects.take(9, 0, all), 0);
    opened(keys.slice(0, -1));
    suspects.touch(['told'], cause(10), 5n, 0);
    expect([suspects.doubted(), suspects.doubted()]).toEqual([1, 0]);
  });
});

test('a snapshot tells which transactions it sees', () => {
  const sees = visibleIn('100:110:100,105');
  expect(['99', '100', '101', '105', '109', '110', '4294967400'].map(sees)).toEqual([
    true,
    false,
    true,
    false,
    true,
    false,
    false,
  ]);
});

import { expect } from 'vitest';
import { type Tx, ask } from '../../src/db/pool.ts';
import type { Key } from '../../src/ask/ask.ts';
import type { Bound } from '../../src/ask/bind.ts';
import { whole } from '../../src/ask/question.ts';
import { isBlind } from '../../src/heal/crosscheck.ts';
import { keysVia } from '../../src/watch/scope/keys.ts';
import { type Case, images, isRefusal, plain, snapshot, told } from './case.ts';
import type { Row } from './tables.ts';

export type Outcome = 'refused' | 'blind' | 'silent' | { changed: Key[]; looked: boolean };

/** What `deed` changes in the answer has to be among the keys that its changed rows lead to. */
export async function follow(
  tx: Tx,
  bound: Bound,
  one: Pick<Case, 'world' | 'ddl' | 'form' | 'key' | 'where' | 'sql'>,
  deed: () => Promise<string>,
): Promise<Outcome> {
  const { world } = one;
  const answerBefore = await answer(tx, bound);
  const rowsBefore = await snapshot(tx, world);
  const done = await deed();
  const changes = images(rowsBefore, await snapshot(tx, world));
  const answerAfter = await answer(tx, bound).catch((error: unknown) => {
    if (isRefusal(error)) return undefined;
    throw error;
  });
  if (!answerAfter) return 'refused';
  const changed = [...new Set([...answerBefore.keys(), ...answerAfter.keys()])].filter(
    id => answerBefore.get(id) !== answerAfter.get(id),
  );
  const tables = bound.scope.reads.filter(({ name }) => changes.has(name));
  if (tables.length === 0) {
    expect(changed, `no table that it reads has changed\n${told(one)}\n${done}`).toEqual([]);
    return 'silent';
  }
  if (tables.some(table => isBlind(bound, table))) return 'blind';
  const derived = new Set<string>();
  let looked = false;
  for (const table of tables) {
    for (const path of bound.scope.paths.filter(({ relation }) => relation.oid === table.oid)) {
      const keys = await keysVia(tx, path, changes.get(table.name) as Row[]);
      if (path.joins.length > 0 && keys.length > 0) looked = true;
      for (const key of keys) derived.add(JSON.stringify(key.map(plain)));
    }
  }
  const missed = changed.filter(id => !derived.has(id));
  const why = JSON.stringify({
    missed,
    derived: [...derived],
    paths: bound.scope.paths.map(({ relation, key, joins }) => [relation.name, ...key, ...joins]),
  });
  expect(missed, `${why}\n${told(one)}\n${done}`).toEqual([]);
  return { changed: changed.map(id => JSON.parse(id) as Key), looked };
}

/** All that is said of each key. */
async function answer(tx: Tx, bound: Bound): Promise<Map<string, string>> {
  const width = bound.key.length;
  const byKey = new Map<string, string[]>();
  for (const row of await ask(tx, whole(bound))) {
    const id = JSON.stringify(row.slice(0, width).map(plain));
    byKey.set(id, [...(byKey.get(id) ?? []), JSON.stringify(row.map(plain))]);
  }
  return new Map([...byKey].map(([id, rows]) => [id, rows.sort().join()]));
}

import { expect } from 'vitest';
import { type Tx, ask } from '../../src/db/pool.ts';
import type { Bound } from '../../src/ask/bind.ts';
import { byKeys, byNullKey, byNulls, byRange, whole } from '../../src/ask/question.ts';
import { nextEdge } from '../../src/watch/edge.ts';
import { type Case, plain, told } from './case.ts';
import { valuesOf } from './tables.ts';

type Answer = readonly (string | null)[];

/** Asks in every form and compares. @returns whether anything was violated at all */
export async function agree(tx: Tx, bound: Bound, one: Case): Promise<boolean> {
  const all = await ask(tx, whole(bound));
  const width = bound.key.length;
  const keyOf = (row: Answer) => JSON.stringify(row.slice(0, width).map(plain));
  const rows = (list: readonly Answer[]) =>
    list.map(row => JSON.stringify(row.slice(0, -1).map(plain))).sort();
  const where = (answers: readonly Answer[], keep: (key: Answer) => boolean) =>
    answers.filter(row => keep(row.slice(0, width)));
  // A `should` that says two things of one key is an error; asked by key it is found, asked at large it may not be.
  const twice = (list: readonly Answer[]) => new Set(list.filter(row => Number(row.at(-1)) > 1).map(keyOf));

  const keys = await candidates(tx, bound, all);
  const full = keys.filter(key => !key.includes(null));
  const asked = new Set(full.map(key => JSON.stringify(key.map(plain))));
  const expected = where(all, key => asked.has(JSON.stringify(key.map(plain))));
  const columns = bound.key.map((_, i) => full.map(key => key[i]));
  for (const form of ['lateral', 'any'] as const) {
    const got = await ask(tx, byKeys(bound, form), columns);
    const two = twice(got);
    const but = (list: readonly Answer[]) => rows(list.filter(row => !two.has(keyOf(row))));
    expect(but(got), `${form}\n${told(one)}`).toEqual(but(expected));
    for (const id of two) if (one.form === 'broken') expect(expected.map(keyOf)).toContain(id);
  }
  const violated = new Set(all.map(keyOf));
  const nulls = keys.filter(parts => parts.includes(null));
  const worth = nulls.filter(key => violated.has(JSON.stringify(key.map(plain))));
  for (const key of [...worth.slice(0, 3), ...nulls.slice(-2)]) {
    const got = await ask(
      tx,
      byNullKey(
        bound,
        key.map(part => part === null),
      ),
      key.filter(part => part !== null),
    );
    const same = where(all, other => JSON.stringify(other.map(plain)) === JSON.stringify(key.map(plain)));
    expect(rows(got), `null key ${key.join()}\n${told(one)}`).toEqual(rows(same));
  }

  const some = await sorted(
    tx,
    bound,
    full.filter((_, i) => one.tape.chance(i < 8 ? 40 : 5)),
  );
  for (const cuts of [some, await edges(tx, bound, 1 + one.tape.int(2))]) {
    const parts: Answer[] = [...(await ask(tx, byNulls(bound)))];
    for (const [i, upTo] of [...cuts, undefined].entries()) {
      const { text, values } = byRange(bound, { after: cuts[i - 1], upTo });
      parts.push(...(await ask(tx, text, values)));
    }
    // Of a composite key with a NULL in it a range may tell as well.
    const once = (list: readonly Answer[]) => [...new Set(rows(list))];
    expect(once(parts), `ranges cut at ${JSON.stringify(cuts)}\n${told(one)}`).toEqual(once(all));
  }
  return all.length > 0;
}

/** Where a sweep that takes so few keys at a time would cut. */
async function edges(tx: Tx, bound: Bound, rows: number): Promise<string[][]> {
  const found: string[][] = [];
  for (;;) {
    const next = await nextEdge(tx, bound, found.at(-1), rows);
    if (!next) return found;
    found.push(next);
    if (found.length > 100) throw new Error(`the sweep doesn't end: ${JSON.stringify(found.slice(-3))}`);
  }
}

/** Keys that are violated, that exist, that could exist, and such with NULLs. */
async function candidates(tx: Tx, bound: Bound, all: readonly Answer[]): Promise<Answer[]> {
  const names = bound.key.map(({ name }) => `${name}::text`).join(', ');
  const governed = await ask(tx, `select ${names} from t0`);
  const [first = [], second = ['']] = bound.key.map(({ type }) => [...valuesOf(plainType(type)), null]);
  const made = first.flatMap(a => (bound.key.length > 1 ? second.map(b => [a, b]) : [[a]]));
  const list = [...all.map(row => row.slice(0, bound.key.length)), ...governed, ...made];
  // By value: a key asked twice is no question.
  const typed = bound.key.map(({ base }, i) => `(e->>${i})::${base} as k${i}`).join(', ');
  return ask(
    tx,
    `select ${bound.key.map((_, i) => `k${i}::text`).join(', ')} from
       (select distinct ${typed} from jsonb_array_elements($1::jsonb) e) x`,
    [JSON.stringify(list)],
  );
}

const plainType = (type: string): string =>
  ({
    integer: 'int',
    'character varying(10)': 'varchar(10)',
    'character(3)': 'char(3)',
    'timestamp without time zone': 'timestamp',
  })[type] ?? type;

async function sorted(tx: Tx, bound: Bound, keys: readonly Answer[]): Promise<string[][]> {
  const typed = bound.key.map(({ base }, i) => `(e->>${i})::${base}`);
  return (await ask(
    tx,
    `select ${typed.map(text => `${text}::text`).join(', ')} from jsonb_array_elements($1::jsonb) e order by ${typed.join(', ')}`,
    [JSON.stringify(keys)],
  )) as string[][];
}

import { type Key, type Violation, askKeys, keyId } from '../../../src/ask/ask.ts';
import type { Bound } from '../../../src/ask/bind.ts';
import { type Tx, ask, quote } from '../../../src/db/pool.ts';
import { isBlind } from '../../../src/heal/crosscheck.ts';
import { lookUp } from '../../../src/watch/scope/keys.ts';
import type { Suspects } from '../../../src/watch/suspects.ts';
import { Tracer, type Watch } from '../../../src/watch/tracer.ts';
import type { Told } from './told.ts';

/** What is violated, by key: kept by asking the keys that changes lead to. */
export type Ledger = Map<string, string>;

export const said = ({ key, kind, present, wanted, evidence }: Violation): string =>
  JSON.stringify([key, kind, present, sorted(wanted), sorted(evidence)]);

const sorted = (values: Readonly<Record<string, string | null>>) =>
  Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** The way from changes to keys as it is in production; remembers what the tracer remembers. */
export class Trace {
  readonly #bound: Bound;
  readonly #tracer = new Tracer(() => {});
  #watched: Told['watched'] | undefined;
  #position = 0n;

  constructor(bound: Bound) {
    this.#bound = bound;
  }

  /** The keys that may have changed; undefined: any. */
  async keys(tx: Tx, { watched, transactions, all }: Told): Promise<Map<string, Key> | undefined> {
    const told = new Set(transactions.flat().map(({ table }) => table.relation.name));
    for (const table of this.#bound.scope.reads) {
      if (all.has(table.name) || (told.has(table.name) && isBlind(this.#bound, table))) return undefined;
    }
    if (this.#watched !== watched) this.#tracer.follow([this.#bound], watched);
    this.#watched = watched;
    for (const changes of transactions) {
      this.#tracer.begin({ xid: '3', at: new Date() });
      for (const { table, operation, old, now } of changes) this.#tracer.row(table, operation, old, now);
      this.#tracer.commit(++this.#position);
    }
    const [watch] = this.#tracer.watches as [Watch];
    const keys = new Map<string, Key>();
    for (const { path, from } of watch.lookUps)
      for (const { key } of await lookUp(tx, path, everyOf(from))) keys.set(keyId(key), key);
    for (const key of everyOf(watch.keys)) keys.set(keyId(key), key);
    return keys;
  }
}

function everyOf(suspects: Suspects): readonly Key[] {
  const taken = suspects.take(Infinity, performance.now(), () => true);
  suspects.done(taken, 0);
  return taken.map(({ key }) => key);
}

/** Brings the ledger in line, as `record` does: what was asked and isn't violated is gone. */
export async function note(
  tx: Tx,
  bound: Bound,
  ledger: Ledger,
  asked: ReadonlyMap<string, Key>,
): Promise<void> {
  const found = await askKeys(tx, bound, [...asked.values()]);
  for (const id of asked.keys()) ledger.delete(id);
  for (const [id, violation] of found) ledger.set(id, said(violation));
}

/** The same from the full query, in words of the test's own: a full outer join. @throws Repeated */
export async function truth(tx: Tx, bound: Bound): Promise<Ledger> {
  const { invariant, key, columns, table } = bound;
  const where = invariant.on.where ?? 'true';
  const should = invariant.form === 'should';
  const ks = key.map(one => quote(one.name));
  const says = columns.map(
    ({ name, own }) => `w.${quote(name)}${should ? `::${own?.base}` : ''} as ${quote(name)}`,
  );
  const sql = `with declared as (select true as here, ${[...key.map(one => `w.${quote(one.name)}::${one.base} as ${quote(one.name)}`), ...says].join(', ')} from (${invariant.sql}) w),
    governed as (select true as here, * from ${table.quoted} where ${where})
    select ${key.map((_, i) => `coalesce(d.${ks[i]}, g.${ks[i]})::text`).join(', ')}, d.here, g.here,
      ${[...columns.map(({ name }) => `d.${quote(name)}::text`), ...columns.map(({ name, own }) => (own ? `g.${quote(name)}::text` : 'null')), ...columns.map(({ name, own }) => (should && own ? `d.${quote(name)} is distinct from g.${quote(name)}` : 'true')), 'true'].join(', ')}
    from declared d full outer join governed g on ${ks.map(one => `d.${one} = g.${one}`).join(' and ')}`;
  const ledger: Ledger = new Map();
  const n = columns.length;
  for (const row of await ask(tx, sql)) {
    const id = row.slice(0, key.length);
    const [declared, present, ...rest] = row.slice(key.length);
    const wants = rest.slice(0, n);
    const has = rest.slice(n, 2 * n);
    const differs = rest.slice(2 * n, 3 * n).includes('t');
    const kind = should ? (!declared ? 'extra' : !present ? 'missing' : 'differs') : 'broken';
    if (should ? kind === 'differs' && !differs : !declared || (invariant.on.where !== undefined && !present))
      continue;
    const values = (list: (string | null)[], when: boolean) =>
      Object.fromEntries(when ? columns.map(({ name }, i) => [name, list[i] ?? null]) : []);
    if (ledger.has(keyId(id))) throw new Repeated();
    ledger.set(
      keyId(id),
      said({
        key: id,
        kind,
        present: Boolean(present),
        wanted: values(wants, Boolean(declared)),
        evidence: values(has, Boolean(present)),
      }),
    );
  }
  return ledger;
}

export class Repeated extends Error {}

import { createHash } from 'node:crypto';
import type { Relation } from '../catalog/relation.ts';
import type { Tx } from '../db/pool.ts';
import { type Key, type Values, type Violation, askKeys, keyId } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { askable } from '../ask/cost.ts';
import { keysVia } from '../watch/scope/keys.ts';

/** Rows of one table as they were and as they are. */
export interface Change {
  readonly table: Relation;
  readonly images: readonly Values[];
  /** More rows were written than can be seen. */
  readonly partly?: boolean;
}

/** Another invariant, and the keys of it that the changes can touch. */
export interface Touched {
  readonly bound: Bound;
  readonly keys: Key[];
  /** Locked but not asked: keys that verification asks. */
  readonly verified: readonly Key[];
}

/**
 * Which keys of which invariants the changed rows can touch; those that can't be asked by key are named instead.
 * `own` keys of the healed invariant itself are left to verification; they are locked only where its heals touch each
 * other's keys, since then two that are silent by themselves could break it together.
 */
export async function touchedBy(
  tx: Tx,
  all: readonly Bound[],
  changes: readonly Change[],
  own: { readonly name: string; readonly keys: readonly Key[] },
): Promise<{ touched: Touched[]; unchecked: string[] }> {
  const touched: Touched[] = [];
  const unchecked: string[] = [];
  for (const bound of all) {
    const reading = changes.filter(({ table }) => bound.scope.reads.some(({ oid }) => oid === table.oid));
    if (reading.length === 0) continue;
    if (!askable(bound.costs) || reading.some(({ table }) => isBlind(bound, table))) {
      if (bound.name !== own.name) unchecked.push(bound.name);
      continue;
    }
    if (bound.name !== own.name && reading.some(({ partly }) => partly)) unchecked.push(bound.name);
    const keys = new Map<string, Key>();
    for (const { table, images } of reading) {
      for (const path of bound.scope.paths) {
        if (path.relation.oid !== table.oid) continue;
        for (const key of await keysVia(tx, path, images)) keys.set(keyId(key), key);
      }
    }
    const verified = bound.name === own.name ? own.keys : [];
    for (const key of verified) keys.delete(keyId(key));
    if (keys.size > 0) touched.push({ bound, keys: [...keys.values()], verified });
  }
  return { touched: touched.sort((a, b) => (a.bound.name < b.bound.name ? -1 : 1)), unchecked };
}

/** A table's occurrence that leads to no key, or anything that may read what isn't seen. */
export const isBlind = (bound: Bound, table: Relation): boolean =>
  bound.scope.blind.some(one => one.table === table.quoted || one.table.endsWith('()'));

/**
 * Two heals may each be silent and together break a third invariant (write skew). So whoever is about to ask J for keys
 * holds a lock on them until commit; many keys take J as a whole, because the lock table is shared with the application.
 */
export async function lockTouched(tx: Tx, touched: readonly Touched[]): Promise<void> {
  for (const { bound, keys: asked, verified } of touched) {
    const keys = [...asked, ...verified];
    if (keys.length > 32) {
      await tx.query('select pg_advisory_xact_lock(4527, $1)', [hash(bound.name)]);
      continue;
    }
    const hashes = [...new Set(keys.map(key => hash(bound.name + keyId(plain(bound, key)))))].sort(
      (a, b) => a - b,
    );
    await tx.query(
      `select pg_advisory_xact_lock_shared(4527, $1), array(select pg_advisory_xact_lock(4528, h)::text
         from unnest($2::int[]) with ordinality u(h, n) order by n)`,
      [hash(bound.name), hashes],
    );
  }
}

/** 1.0 and 1.00 are one key. */
const plain = ({ key: columns }: Bound, key: Key): Key =>
  key.map((part, i) =>
    columns[i]?.family === 1700 && part?.includes('.') ? part.replace(/\.?0+$/, '') : part,
  );

const hash = (text: string): number => createHash('sha256').update(text).digest().readInt32BE(0);

export interface Hit {
  readonly bound: Bound;
  readonly violations: Violation[];
}

/** Asks each touched invariant; those that aren't silent. */
export async function askTouched(tx: Tx, touched: readonly Touched[]): Promise<Hit[]> {
  const hits: Hit[] = [];
  for (const { bound, keys } of touched) {
    const violations = [...(await askKeys(tx, bound, keys)).values()];
    if (violations.length > 0) hits.push({ bound, violations });
  }
  return hits;
}

/**
 * Waits for healers of violated keys to be through: they may have looked at the world before this heal's write, so that
 * both would commit and leave behind what neither has seen. None begins anew until this transaction ends.
 */
export async function outwait(tx: Tx, hits: readonly Hit[]): Promise<void> {
  for (const { bound, violations } of hits) {
    await tx.query(
      `select from evenkeel.violation
        where invariant = $1
          and key in (select array(select jsonb_array_elements_text(k)) from jsonb_array_elements($2::jsonb) k)
        order by key for share`,
      [bound.name, JSON.stringify(violations.map(({ key }) => key))],
    );
  }
}

/** What `now` holds and `before` did not. */
export function newly(now: readonly Hit[], before: readonly Hit[]): Hit[] {
  return now.flatMap(({ bound, violations }) => {
    const old = before.find(hit => hit.bound.name === bound.name);
    const had = new Set(old?.violations.map(({ key }) => keyId(key)));
    const fresh = violations.filter(({ key }) => !had.has(keyId(key)));
    return fresh.length > 0 ? [{ bound, violations: fresh }] : [];
  });
}

/** Columns of a table that some invariant's path starts from: what images need besides the written columns. */
export function pathColumns(all: readonly Bound[], table: Relation): Set<string> {
  return new Set(
    all.flatMap(({ scope }) =>
      scope.paths.filter(path => path.relation.oid === table.oid).flatMap(path => path.columns),
    ),
  );
}

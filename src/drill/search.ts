import type { Bound } from '../ask/bind.ts';
import { whole } from '../ask/question.ts';
import { sitesOf, asked } from '../check/site.ts';
import { possible } from '../check/prove.ts';
import { type Tx, ask, describe } from '../db/pool.ts';
import { type Node, parseSelect } from '../watch/scope/parse.ts';
import { type Change, changesOf, witnessChanges } from './change.ts';
import type { Domains } from './domains.ts';
import type { Filler } from './fill.ts';
import { type Mutant, mutantsOf } from './mutate.ts';
import type { Random } from './random.ts';
import { type ColumnId, type Table, columnId } from './tables.ts';
import { Reading, type Terms, noTerms } from './terms.ts';

/** A change that breaks the invariant, and how it is broken then. */
export interface Corruption {
  readonly change: Change;
  readonly kinds: readonly string[];
  /** Where it is broken. */
  readonly keys: readonly string[];
}

/** A row for which the invariant and one of its mutants say different things: is the invariant right? */
export interface Boundary {
  /** What was done to get there; null: rows as they were. */
  readonly what: string | null;
  readonly key: string;
  readonly flagged: boolean;
  readonly mutant: Mutant;
}

export interface Searched {
  readonly corruptions: readonly Corruption[];
  readonly boundaries: readonly Boundary[];
  readonly mutants: number;
  readonly survivors: readonly Mutant[];
  readonly tried: number;
  /** Why changes were refused, the most frequent one. */
  readonly refused: string | undefined;
}

export interface Ground {
  readonly tables: readonly Table[];
  readonly domains: Domains;
  readonly filler: Filler;
  readonly random: Random;
  readonly terms: Terms;
  /** Columns by which rows meet. */
  readonly keys: ReadonlySet<ColumnId>;
}

const mostTried = 240;
const mostCorruptions = 6;
/** Steps of a walk: changes that are not taken back, for mutants that no single one tells. */
const steps = 60;
const mostBoundaries = 6;

/**
 * Tries changes on the database, one after the other, each taken back: which ones break the invariant, and which tell it from
 * its mutants? Postgres answers both.
 */
export async function search(tx: Tx, bound: Bound, ground: Ground): Promise<Searched> {
  await tx.query(`set local statement_timeout = '1s'`);
  const changes = await collect(tx, bound, ground);
  const before = await answer(tx, bound);
  const known = new Set(keysOf(bound, before));
  const told = new Telling(bound);
  const all = mutantsOf(bound.invariant.sql, mayBeNull(bound, ground));
  let left: readonly Mutant[] = await told.apart(tx, null, all, before, true);
  const mutants = left.length + told.killed;
  const found: Corruption[] = [];
  const refusals = new Map<string, number>();
  let tried = 0;
  for (const change of changes) {
    await tx.query('savepoint change');
    try {
      await ask(tx, change.text, [...change.values]);
      await tx.query('set constraints all immediate');
      const now = await answer(tx, bound);
      tried++;
      left = await told.apart(tx, change, left, now, false);
      const fresh = now.filter(row => !known.has(keyOf(bound, row)));
      if (fresh.length > 0 && fresh.length <= 10 && !change.fleeting) {
        const kinds = [...new Set(fresh.map(row => row[bound.key.length] ?? ''))];
        found.push({ change, kinds, keys: keysOf(bound, fresh) });
      }
    } catch (error) {
      const why = describe(error);
      refusals.set(why, (refusals.get(why) ?? 0) + 1);
    }
    await tx.query('rollback to savepoint change');
  }
  left = await walk(tx, bound, ground, told, left);
  const [refused] = [...refusals].sort((a, b) => b[1] - a[1]);
  return {
    corruptions: diverse(found),
    boundaries: told.boundaries(),
    mutants,
    survivors: left,
    tried,
    refused: refused?.[0],
  };
}

/** Changes one upon the other, for mutants that take several rows to be told. */
async function walk(
  tx: Tx,
  bound: Bound,
  ground: Ground,
  told: Telling,
  mutants: readonly Mutant[],
): Promise<readonly Mutant[]> {
  let left = mutants;
  let changes: Change[] = [];
  for (let i = 0; i < steps && left.length > 0; i++) {
    if (i % 10 === 0)
      changes = ground.random
        .shuffled(await collect(tx, bound, ground))
        .filter(({ kind }) => kind !== 'empty a group');
    await tx.query('savepoint step');
    try {
      // A few at a time: most single ones were tried before.
      for (const change of changes.splice(0, 3)) await ask(tx, change.text, [...change.values]);
      await tx.query('set constraints all immediate');
      left = await told.apart(tx, null, left, await answer(tx, bound), false);
      await tx.query('release savepoint step');
    } catch {
      await tx.query('rollback to savepoint step');
    }
  }
  return left;
}

/** May a column be NULL in its table? What isn't a column of one of these tables may. */
function mayBeNull({ schemas, invariant }: Bound, { tables }: Ground): (node: Node) => boolean {
  const reading = new Reading(noTerms(), parseSelect(invariant.sql), tables, schemas);
  const nullable = new Set(
    tables.flatMap(table =>
      table.relation.columns.filter(({ notNull }) => !notNull).map(({ name }) => columnId(table, name)),
    ),
  );
  return node => {
    const owners = reading.owners(node);
    return owners.length === 0
      ? !('A_Const' in node || 'TypeCast' in node)
      : owners.some(id => nullable.has(id));
  };
}

/** Of each table and each kind of change some, where there are too many. */
async function collect(tx: Tx, bound: Bound, ground: Ground): Promise<Change[]> {
  const groups: Change[][] = [];
  const { sites } = await sitesOf(tx, bound.invariant.sql);
  for (const site of sites) {
    for (const source of site.sources) {
      const table = ground.tables.find(({ relation }) => relation.oid === source.table.oid);
      const parts = site.conjuncts.map(({ text }) => text).filter(text => site.about(text) === source);
      if (!table || parts.length === 0) continue;
      const verdict = await possible(tx, asked(source, ...parts));
      if (verdict.is === 'witness') groups.push(await witnessChanges(tx, table, ground, verdict.row));
    }
  }
  for (const table of ground.tables) {
    const made = await changesOf(tx, table, ground);
    const byKind = new Map<string, Change[]>();
    for (const change of made) {
      const kind = `${change.kind}${change.fleeting ? ' fleeting' : ''}`;
      byKind.set(kind, [...(byKind.get(kind) ?? []), change]);
    }
    groups.push(...[...byKind.values()].map(list => ground.random.shuffled(list)));
  }
  const ranked = groups.flatMap(group => group.map((change, i) => ({ change, i })));
  return ranked
    .sort((a, b) => a.i - b.i)
    .slice(0, mostTried)
    .map(({ change }) => change);
}

/** Few that differ as much as can be: by table, by kind of change, by how the invariant is broken; and rather elsewhere than at the same place. */
function diverse(found: readonly Corruption[]): Corruption[] {
  const seen = new Set<string>();
  const places = new Set<string>();
  const chosen: Corruption[] = [];
  const placesOf = ({ change, keys }: Corruption) => [
    ...keys,
    ...(change.row === undefined ? [] : [change.table + change.row]),
  ];
  const features = ({ change, kinds }: Corruption) => [
    `${change.table} ${change.kind}`,
    ...kinds,
    ...kinds.map(kind => `${change.table} ${kind}`),
  ];
  while (chosen.length < mostCorruptions) {
    const news = (one: Corruption) => {
      const n = features(one).filter(feature => !seen.has(feature)).length;
      return n === 0 ? 0 : n + (placesOf(one).some(place => places.has(place)) ? 0 : 0.5);
    };
    const best = found
      .filter(one => !chosen.includes(one))
      .reduce<Corruption | undefined>(
        (most, one) => (news(one) > (most ? news(most) : 0) ? one : most),
        undefined,
      );
    if (!best) break;
    chosen.push(best);
    for (const feature of features(best)) seen.add(feature);
    for (const place of placesOf(best)) places.add(place);
  }
  return chosen;
}

type Answer = readonly (readonly (string | null)[])[];

async function answer(tx: Tx, bound: Bound, sql = bound.invariant.sql): Promise<Answer> {
  return ask(
    tx,
    whole(sql === bound.invariant.sql ? bound : { ...bound, invariant: { ...bound.invariant, sql } }),
  );
}

const keyOf = ({ key }: Bound, row: readonly (string | null)[]): string =>
  JSON.stringify(row.slice(0, key.length));
const keysOf = (bound: Bound, rows: Answer): string[] => rows.map(row => keyOf(bound, row));

/** Which mutants were told from the invariant, and by what. */
class Telling {
  readonly #bound: Bound;
  readonly #told: (Boundary & { readonly weight: number })[] = [];
  killed = 0;

  constructor(bound: Bound) {
    this.#bound = bound;
  }

  /** Gives those that still say the same. @param first one that can't even be asked is none */
  async apart(
    tx: Tx,
    change: Change | null,
    mutants: readonly Mutant[],
    own: Answer,
    first: boolean,
  ): Promise<Mutant[]> {
    const left: Mutant[] = [];
    const mine = lines(own);
    for (const mutant of mutants) {
      await tx.query('savepoint mutant');
      try {
        const theirs = await answer(tx, this.#bound, mutant.sql);
        await tx.query('release savepoint mutant');
        if (lines(theirs).join('\n') === mine.join('\n')) {
          left.push(mutant);
          continue;
        }
        this.#note(change, mutant, own, theirs);
        this.killed++;
      } catch {
        await tx.query('rollback to savepoint mutant');
        if (!first) this.killed++;
      }
    }
    return left;
  }

  #note(change: Change | null, mutant: Mutant, own: Answer, theirs: Answer): void {
    const mine = new Set(keysOf(this.#bound, own));
    const others = new Set(keysOf(this.#bound, theirs));
    const only = [...mine].find(key => !others.has(key));
    const more = [...others].find(key => !mine.has(key));
    const key = change === null ? (only ?? more) : (more ?? only);
    if (key === undefined) return;
    const flagged = mine.has(key);
    // What is passed over is where authors err: NULLs, and groups without rows.
    const weight =
      (flagged ? 0 : 2) +
      (change?.kind === 'null' || change?.kind === 'empty a group' ? 3 : 0) +
      (mutant.kind === 'null' || mutant.kind === 'join' ? 1 : 0) +
      (change ? 1 : 0);
    this.#told.push({
      what: change?.what ?? null,
      key: (JSON.parse(key) as (string | null)[]).map(part => part ?? 'NULL').join(', '),
      flagged,
      mutant,
      weight,
    });
  }

  boundaries(): Boundary[] {
    const seen = new Set<string>();
    return this.#told
      .toSorted((a, b) => b.weight - a.weight)
      .filter(({ what, key }) => {
        const id = `${what} ${key}`;
        return seen.has(id) ? false : seen.add(id);
      })
      .slice(0, mostBoundaries)
      .map(({ what, key, flagged, mutant }) => ({ what, key, flagged, mutant }));
  }
}

const lines = (rows: Answer): string[] => rows.map(row => JSON.stringify(row)).sort();

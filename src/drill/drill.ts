/**
 * A drill: is what is declared found, healed, verified and undone? On a scratch database with the schema and nothing else.
 *
 *   fill ──► settle ──► search ──► live ──► pass ──► report
 *   valid    all right  what       while    without
 *   rows                breaks it  it runs  capture
 *
 * Nothing of it knows what SQL means: it makes changes as an application might, and Postgres says whether they are allowed, and the
 * invariant whether it is broken. A mutant, the query with a small mistake in it, shows what no row of the drill could tell.
 */
import type { Bound } from '../ask/bind.ts';
import { type Pool, createPool, describe } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import type { EvenkeelError } from '../errors.ts';
import { Shelf } from './contents.ts';
import { Domains } from './domains.ts';
import { Filler } from './fill.ts';
import { live } from './live.ts';
import { passes } from './pass.ts';
import { Random } from './random.ts';
import { type Drilled, reportOf } from './report.ts';
import { type Scene, allBroken, bindAll, drilled, endCapture, openEngine, schemasOf, work } from './scene.ts';
import { type Corruption, type Ground, type Searched, search } from './search.ts';
import { columnsOf, readTruth, standIn } from './standin.ts';
import { type Table, readTables } from './tables.ts';
import { type Terms, noTerms, readTerms } from './terms.ts';

export interface DrillReport {
  readonly invariants: readonly Drilled[];
  /** Invariants that can't be asked on this schema. */
  readonly failed: readonly { readonly name: string; readonly file: string; readonly error: EvenkeelError }[];
  /** Tables without rows, and why. */
  readonly unfilled: readonly { readonly table: string; readonly why: string }[];
  readonly ms: number;
}

const seed = 20_260_101;

export interface DrillOptions {
  /** Names of those that are drilled; the others run along. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Hears what is being done. */
  readonly told?: ((what: string) => void) | undefined;
}

/** @param url a scratch database with the schema in it, and no rows; written to as a superuser */
export async function drill(
  url: string,
  invariants: readonly Invariant[],
  options: DrillOptions = {},
): Promise<DrillReport> {
  const began = performance.now();
  const pool = createPool(url, 4);
  try {
    const report = await onPool(pool, url, invariants, options);
    return { ...report, ms: Math.round(performance.now() - began) };
  } finally {
    await endCapture(pool).catch(() => undefined);
    await pool.end();
  }
}

async function onPool(
  pool: Pool,
  url: string,
  invariants: readonly Invariant[],
  { only, told = () => undefined }: DrillOptions,
): Promise<Omit<DrillReport, 'ms'>> {
  const schemas = await schemasOf(pool);
  told('filling');
  const ready = await fill(pool, schemas, invariants);
  await pool.query('analyze');
  told('settling');
  const { scene, failed } = await settle(pool, url, schemas, ready.engaged, invariants);
  const bounds = scene.bounds.filter(({ name }) => only === undefined || only.includes(name));
  const searched = new Map<string, Searched>();
  const undrillable = new Map<string, string>();
  for (const bound of bounds) {
    told(`breaking ${bound.name}`);
    const found = await searchOne(scene, bound, ready);
    if ('why' in found) undrillable.set(bound.name, found.why);
    else searched.set(bound.name, found);
    if (!('why' in found) && found.corruptions.length === 0)
      undrillable.set(bound.name, nothing(bound, found, ready));
  }
  const tasks = bounds.flatMap(bound =>
    (searched.get(bound.name)?.corruptions ?? []).map((one): readonly [Bound, Corruption] => [bound, one]),
  );
  let done = 0;
  told(`running: 0 of ${tasks.length}`);
  const { lived, backing } = await live(scene, tasks, () => told(`running: ${++done} of ${tasks.length}`));
  told('sweeping');
  const passed = await passes(scene, tasks);
  return {
    invariants: bounds.map(({ invariant, name }) =>
      reportOf(invariant, {
        searched: searched.get(name),
        lived,
        passed,
        backing: backing.get(name),
        undrillable: undrillable.get(name) ?? null,
      }),
    ),
    failed: invariants.flatMap(({ name, place }) => {
      const error = only === undefined || only.includes(name) ? failed.get(name) : undefined;
      return error ? [{ name, file: place.file, error }] : [];
    }),
    unfilled: [...ready.empty].map(([oid, why]) => ({
      table: ready.tables.get(oid)?.relation.quoted ?? oid,
      why,
    })),
  };
}

interface Ready {
  readonly tables: ReadonlyMap<string, Table>;
  readonly domains: Domains;
  readonly filler: Filler;
  readonly random: Random;
  readonly empty: ReadonlyMap<string, string>;
  /** The invariants as the engine is given them. */
  readonly engaged: readonly Invariant[];
}

async function fill(
  pool: Pool,
  schemas: readonly string[],
  invariants: readonly Invariant[],
): Promise<Ready> {
  const { bounds, failed } = await bindAll(pool, schemas, invariants);
  const sources = invariants.filter(
    ({ name, source }) => source && failed.get(name)?.code === 'not-read-yet',
  );
  return work(pool, schemas, async tx => {
    const governed = [];
    for (const one of sources) governed.push(await columnsOf(tx, one));
    const tables = await readTables(tx, [
      ...bounds.flatMap(bound => tablesOf(bound)),
      ...governed.map(({ oid }) => oid),
    ]);
    const list = [...tables.values()];
    const terms = noTerms();
    for (const bound of bounds) readTerms(terms, bound, list);
    for (const { oid, columns } of governed) for (const name of columns) terms.used.add(`${oid}.${name}`);
    const domains = new Domains(list, terms, Date.now());
    const random = new Random(seed);
    const filler = new Filler(tx, list, domains, terms, random);
    const { empty } = await filler.fill();
    const engaged = bounds.map(({ invariant }) => drilled(invariant));
    for (const one of sources) engaged.push(drilled(standIn(one, await readTruth(tx, one))));
    return { tables, domains, filler, random, empty, engaged };
  });
}

/** What it reads, governs and may write. */
const tablesOf = ({ table, scope, touches, appends }: Bound): string[] =>
  [table, ...scope.reads, ...touches, ...appends.map(one => one.table)]
    .filter(({ kind, schema }) => ['r', 'p'].includes(kind) && !['pg_catalog', 'evenkeel'].includes(schema))
    .map(({ oid }) => oid);

/** Filled rows are valid, not right: the engine puts them right first. What nobody heals is known from then on. */
async function settle(
  pool: Pool,
  url: string,
  schemas: readonly string[],
  engaged: readonly Invariant[],
  invariants: readonly Invariant[],
): Promise<{ scene: Scene; failed: ReadonlyMap<string, EvenkeelError> }> {
  for (let i = 0; i < 2; i++) await (await openEngine(url, engaged, 'sweeps')).once();
  const { bounds, failed } = await bindAll(pool, schemas, invariants);
  const scene = await work(pool, schemas, async tx => {
    const shelf = await Shelf.of(tx);
    const broken = await allBroken(tx, { bounds, known: new Map() });
    const known = new Map([...broken].map(([name, keys]) => [name, new Set(keys.keys())]));
    return { pool, url, schemas, shelf, base: await shelf.look(tx), bounds, engaged, known };
  });
  return { scene, failed };
}

async function searchOne(
  { pool, schemas }: Scene,
  bound: Bound,
  { tables, domains, filler, random }: Ready,
): Promise<Searched | { why: string }> {
  try {
    return await work(pool, schemas, async tx => {
      const own = [...new Set(tablesOf(bound))].flatMap(oid => tables.get(oid) ?? []);
      const terms: Terms = noTerms();
      readTerms(terms, bound, own);
      // What the other system decides has no name in the query.
      if (bound.invariant.source)
        for (const { own } of bound.columns) if (own) terms.used.add(`${bound.table.oid}.${own.name}`);
      const ground: Ground = {
        tables: own,
        domains,
        filler,
        random,
        terms,
        keys: new Set(terms.equal.flat()),
      };
      const found = await search(tx, bound, ground);
      await tx.query('rollback');
      await tx.query('begin');
      return found;
    });
  } catch (error) {
    return { why: `it could not be asked: ${describe(error)}` };
  }
}

function nothing(bound: Bound, { tried, refused }: Searched, { tables, empty }: Ready): string {
  const lacking = tablesOf(bound).flatMap(oid => {
    const why = empty.get(oid);
    return why === undefined
      ? []
      : [`${tables.get(oid)?.relation.quoted ?? oid} could not be filled: ${why}`];
  });
  if (lacking[0] !== undefined) return lacking[0];
  if (tried === 0) return `every change was refused${refused === undefined ? '' : `: ${refused}`}`;
  return `none of ${tried} changes to what it reads broke it${refused === undefined ? '' : `; others were refused: ${refused}`}`;
}

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
import { EvenkeelError } from '../errors.ts';
import { Shelf } from './contents.ts';
import { Domains } from './domains.ts';
import { Filler } from './fill.ts';
import { live } from './live.ts';
import { passes } from './pass.ts';
import { Random } from './random.ts';
import { type Drilled, reportOf } from './report.ts';
import { type Scene, bindAll, brokenKeys, drilled, endCapture, openEngine, schemasOf, work } from './scene.ts';
import { type Corruption, type Ground, type Searched, search } from './search.ts';
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

/**
 * @param url a scratch database with the schema in it, and no rows; written to as a superuser
 * @param told hears what is being done
 */
export async function drill(
  url: string,
  invariants: readonly Invariant[],
  told: (what: string) => void = () => undefined,
): Promise<DrillReport> {
  const began = performance.now();
  const pool = createPool(url, 4);
  try {
    const report = await onPool(pool, url, invariants, told);
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
  told: (what: string) => void,
): Promise<Omit<DrillReport, 'ms'>> {
  const schemas = await schemasOf(pool);
  const { bounds: met, failed } = await bindAll(pool, schemas, invariants);
  told('filling');
  const filled = await fill(pool, schemas, met);
  await pool.query('analyze');
  told('settling');
  const { scene, bounds } = await settle(pool, url, schemas, met);
  const searched = new Map<string, Searched>();
  const undrillable = new Map<string, string>();
  for (const bound of bounds) {
    told(`breaking ${bound.name}`);
    const found = await searchOne(scene, bound, filled);
    if ('why' in found) undrillable.set(bound.name, found.why);
    else searched.set(bound.name, found);
    if (!('why' in found) && found.corruptions.length === 0) undrillable.set(bound.name, nothing(bound, found, filled));
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
      const error = failed.get(name);
      return error ? [{ name, file: place.file, error }] : [];
    }),
    unfilled: [...filled.empty].map(([oid, why]) => ({ table: filled.tables.get(oid)?.relation.quoted ?? oid, why })),
  };
}

interface Ready {
  readonly tables: ReadonlyMap<string, Table>;
  readonly domains: Domains;
  readonly filler: Filler;
  readonly random: Random;
  readonly empty: ReadonlyMap<string, string>;
}

async function fill(pool: Pool, schemas: readonly string[], bounds: readonly Bound[]): Promise<Ready> {
  return work(pool, schemas, async tx => {
    const oids = bounds.flatMap(bound => tablesOf(bound));
    const tables = await readTables(tx, oids);
    const list = [...tables.values()];
    const terms = noTerms();
    for (const bound of bounds) readTerms(terms, bound, list);
    const domains = new Domains(list, terms, Date.now());
    const random = new Random(seed);
    const filler = new Filler(tx, list, domains, terms.used, random);
    const { empty } = await filler.fill();
    return { tables, domains, filler, random, empty };
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
  met: readonly Bound[],
): Promise<{ scene: Scene; bounds: readonly Bound[] }> {
  const invariants = met.map(({ invariant }) => drilled(invariant));
  for (let i = 0; i < 2; i++) await (await openEngine(url, invariants, 'sweeps')).once();
  const { bounds } = await bindAll(pool, schemas, met.map(({ invariant }) => invariant));
  const scene = await work(pool, schemas, async tx => {
    const shelf = await Shelf.of(tx);
    const known = new Map<string, ReadonlySet<string>>();
    for (const bound of bounds) known.set(bound.name, new Set((await brokenKeys(tx, bound)).keys()));
    return { pool, url, schemas, shelf, base: await shelf.look(tx), bounds, known };
  });
  return { scene, bounds };
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
      const ground: Ground = {
        tables: own,
        domains,
        filler,
        random,
        used: terms.used,
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
    return why === undefined ? [] : [`${tables.get(oid)?.relation.quoted ?? oid} could not be filled: ${why}`];
  });
  if (lacking[0] !== undefined) return lacking[0];
  if (tried === 0) return `every change was refused${refused === undefined ? '' : `: ${refused}`}`;
  return `none of ${tried} changes to what it reads broke it${refused === undefined ? '' : `; others were refused: ${refused}`}`;
}
